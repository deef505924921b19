// What the server says, as in its HTTP API.

export type CameraState =
  | 'connecting' | 'live' | 'stalled' | 'backoff' | 'fallback' | 'ended' | 'disabled' | 'refused';

export type Point = [number, number];

export interface Shape {
  points: Point[];
  classes?: string[];
}

export type Shapes = Record<string, Shape>;

export interface Camera {
  id: string;
  source: string;
  state: CameraState;
  state_since?: string;
  reason?: string;
  hint?: string;
  codec?: string;
  codecs?: string;
  width: number;
  height: number;
  fps?: number;
  bitrate_bps?: number;
  delay_ms?: number;
  reconnects?: number;
  stalls?: number;
  tracks?: number;
  model?: { name: string; version: string } | null;
  live?: 'fmp4' | 'jpeg';
  zones?: Shapes;
  lines?: Shapes;
  frames?: { decoded: number; detected: number; skipped: number; corrupt: number; put_off: number; parts: number }
  packets?: { received: number; not_decoded: number; wakes: number; awake: boolean };
}

export interface Count {
  shape: string;
  kind: 'line' | 'zone';
  label: string;
  left_to_right?: number;
  right_to_left?: number;
  entered?: number;
  left?: number;
  inside?: number;
  dwell_mean_s?: number;
}

export type Box = [x: number, y: number, w: number, h: number];

export interface Seen {
  id: number;
  label: string;
  score: number;
  box: Box;
}

// One processed picture of a camera.
export interface Result {
  camera: string;
  epoch: number;
  pts_us: number;
  wall?: string;
  width: number;
  height: number;
  objects: Seen[];
  regions?: Box[];
}

export interface CloudEvent {
  id: string;
  type: string;
  source: string;
  time?: string;
  data?: Record<string, unknown>;
}

export interface Health {
  status: string;
  cameras?: { id: string; state: CameraState }[];
}
