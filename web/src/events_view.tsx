// What was reported: kept events, and new ones as they come.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { getEvents } from './api';
import { ErrorText } from './dialog';
import { hueOf } from './overlay';
import { listen } from './retry';
import type { Camera, CloudEvent } from './types';

const SHOWN_MAX = 300;

// Short names; the server takes them as filters too.
const TYPES: Record<string, string> = {
  'track.started': 'Object appeared',
  'track.updated': 'Object seen',
  'track.ended': 'Object gone',
  'zone.entered': 'Zone entered',
  'zone.left': 'Zone left',
  'line.crossed': 'Line crossed',
  'motion.started': 'Motion',
  'motion.ended': 'Motion over',
  'camera.state': 'Camera',
  detection: 'Detection',
};
const STREAM_TYPES = Object.keys(TYPES).map((name) => `io.omma.${name}.v1`);

export function shortType(type: string): string {
  return type.replace(/^io\.omma\./, '').replace(/\.v\d+$/, '');
}

const cameraOf = (event: CloudEvent) => event.source.replace(/^.*\/cameras\//, '');

type Data = Record<string, unknown>;

function text(value: unknown): string {
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';
}

// A part of an event's data, empty when the event has none.
function part(event: CloudEvent, name: string): Data {
  const value = event.data?.[name];
  return value && typeof value === 'object' ? (value as Data) : {};
}

function labelOf(event: CloudEvent): string {
  const topk = event.data?.topk;
  const best = Array.isArray(topk) ? (topk[0] as Data | undefined) : undefined;
  return text(part(event, 'track').label) || text(part(event, 'object').label) || text(best?.label);
}

function seconds(value: unknown, what: string): string {
  return typeof value === 'number' ? `${value.toFixed(1)} s ${what}` : '';
}

function details(event: CloudEvent): string {
  const [track, zone, line] = [part(event, 'track'), part(event, 'zone'), part(event, 'line')];
  const [motion, camera] = [part(event, 'motion'), part(event, 'camera')];
  return [
    text(track.id) && `#${text(track.id)}`,
    text(zone.name),
    text(line.name),
    text(line.direction).replaceAll('_', ' '),
    event.type.includes('zone.left') && seconds(zone.dwell_s, 'inside'),
    event.type.includes('track.ended') && seconds(track.age_s, 'in sight'),
    event.type.includes('motion.ended') && seconds(motion.duration_s, 'long'),
    text(camera.state),
    text(camera.reason),
  ].filter(Boolean).join(' · ');
}

function timeOf(event: CloudEvent): string {
  const when = new Date(event.time ?? text(event.data?.timestamp));
  if (Number.isNaN(when.getTime())) return '';
  const clock = when.toLocaleTimeString(undefined, { hour12: false });
  return when.toDateString() === new Date().toDateString() ? clock : `${when.toLocaleDateString()} ${clock}`;
}

function Row({ event, withCamera }: { event: CloudEvent; withCamera: boolean }) {
  const label = labelOf(event);
  const camera = cameraOf(event);
  return (
    <li class="event">
      <time dateTime={event.time}>{timeOf(event)}</time>
      <span class="what">{TYPES[shortType(event.type)] ?? shortType(event.type)}</span>
      {label && <span class="label" style={{ background: `hsl(${hueOf(label)} 75% 28%)` }}>{label}</span>}
      {withCamera && <a href={`#/camera/${encodeURIComponent(camera)}`}>{camera}</a>}
      <span class="details">{details(event)}</span>
    </li>
  );
}

// Kept events first, then the stream, newest on top.
function useEvents(camera: string, type: string): { events: CloudEvent[]; isOpen: boolean; error: Error | null } {
  const [events, setEvents] = useState<CloudEvent[]>([]);
  const [isOpen, setOpen] = useState(false);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let isCurrent = true;
    const query = new URLSearchParams();
    if (camera) query.set('camera', camera);
    if (type) query.set('type', type);
    const add = (more: CloudEvent[]) => {
      if (!isCurrent) return;
      setEvents((old) => {
        const known = new Set(old.map((event) => event.id));
        return [...more.filter((event) => !known.has(event.id)), ...old].slice(0, SHOWN_MAX);
      });
    };
    const kept = new URLSearchParams(query);
    kept.set('limit', '100');
    kept.set('order', 'desc');
    setEvents([]);
    setError(null);
    getEvents(`?${kept}`).then(
      add,
      (problem) => isCurrent && setError(problem),
    );
    let fresh: CloudEvent[] = [];
    const timer = setInterval(() => {
      if (fresh.length) add(fresh.splice(0).reverse());
    }, 250);
    const path = (lastId: string) => {
      const address = new URLSearchParams(query);
      if (lastId) address.set('after', lastId);
      const search = address.toString();
      return `/api/v1/events/stream${search ? `?${search}` : ''}`;
    };
    const close = listen(path, STREAM_TYPES, (data) => fresh.push(JSON.parse(data)), (open) => isCurrent && setOpen(open));
    return () => {
      isCurrent = false;
      fresh = [];
      clearInterval(timer);
      close();
    };
  }, [camera, type]);
  return { events, isOpen, error };
}

export function EventList(props: { camera: string; type: string; label: string; withCamera: boolean }) {
  const { events, isOpen, error } = useEvents(props.camera, props.type);
  const wanted = props.label.trim().toLowerCase();
  const shown = useMemo(
    () => events.filter((event) => !wanted || labelOf(event).toLowerCase().includes(wanted)),
    [events, wanted],
  );
  return (
    <>
      <p class="stream" role="status">{isOpen ? 'Up to date, new ones come on top.' : 'Connecting…'}</p>
      <ErrorText error={error} />
      {shown.length === 0 && !error && <p class="empty">Nothing yet.</p>}
      <ol class="events">
        {shown.map((event) => <Row key={event.id} event={event} withCamera={props.withCamera} />)}
      </ol>
    </>
  );
}

export function TypeSelect(props: { value: string; onChange: (type: string) => void }) {
  return (
    <label>
      Kind
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value)}>
        <option value="">all</option>
        {Object.entries(TYPES).map(([name, title]) => <option key={name} value={name}>{title}</option>)}
      </select>
    </label>
  );
}

export function EventsView({ cameras }: { cameras: Camera[] }) {
  const [camera, setCamera] = useState('');
  const [type, setType] = useState('');
  const [label, setLabel] = useState('');
  return (
    <section aria-label="Events">
      <div class="filters">
        <label>
          Camera
          <select value={camera} onChange={(event) => setCamera(event.currentTarget.value)}>
            <option value="">all</option>
            {cameras.map((each) => <option key={each.id} value={each.id}>{each.id}</option>)}
          </select>
        </label>
        <TypeSelect value={type} onChange={setType} />
        <label>
          Class
          <input value={label} placeholder="person" onInput={(event) => setLabel(event.currentTarget.value)} />
        </label>
      </div>
      <EventList camera={camera} type={type} label={label} withCamera />
    </section>
  );
}
