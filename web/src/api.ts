// Calls to the server. Errors are its problem documents (RFC 9457), with the hint what to do next.

import type { Camera, CloudEvent, Count, Health } from './types';

export class Problem extends Error {
  constructor(message: string, readonly hint = '', readonly status = 0) {
    super(message);
  }
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const doc = await answer.json();
    return new Problem(String(doc.detail || doc.title), String(doc.hint ?? ''), answer.status);
  } catch {
    return new Problem(`the server answered ${answer.status}`, '', answer.status);
  }
}

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { cache: 'no-store', ...init });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Problem('the server does not answer', 'is omma still running?');
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json();
}

function sendJson(method: string, path: string, body: unknown): Promise<Response> {
  return request(path, {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export function cameraPath(id: string, rest = ''): string {
  return `/api/v1/cameras/${encodeURIComponent(id)}${rest}`;
}

export const getCameras = (signal?: AbortSignal) =>
  getJson<{ cameras: Camera[] }>('/api/v1/cameras', signal).then((doc) => doc.cameras);
export const getHealth = () => getJson<Health>('/health/stream');
export const getCounts = (id: string) =>
  getJson<{ counts: Count[] }>(cameraPath(id, '/counts')).then((doc) => doc.counts);
export const getEvents = (query: string) =>
  getJson<{ events: CloudEvent[] }>(`/api/v1/events${query}`).then((doc) => doc.events);
export const addCamera = (camera: { id?: string; source: string }) =>
  sendJson('POST', '/api/v1/cameras', camera);
export const changeCamera = (id: string, change: Partial<Camera> & { enabled?: boolean }) =>
  sendJson('PUT', cameraPath(id), change);
export const removeCamera = (id: string) => request(cameraPath(id), { method: 'DELETE' });
export const undo = () => sendJson('POST', '/api/v1/cameras/undo', {});
