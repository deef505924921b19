// One camera: its picture large, what it counts, its zones and lines, its events, its figures.

import { useState } from 'preact/hooks';
import { changeCamera, getCounts, removeCamera } from './api';
import { Dialog, ErrorText } from './dialog';
import { EventList, TypeSelect } from './events_view';
import { usePoll } from './hooks';
import { ShapeEditor, ShapesOver } from './shapes';
import { Stage, StateBadge } from './stage';
import type { Camera, Count } from './types';

function CountsPanel({ camera }: { camera: Camera }) {
  const [counts, setCounts] = useState<Count[] | null>(null);
  usePoll(async () => setCounts(await getCounts(camera.id)), 1000, [camera.id]);
  if (!counts) return null;
  const lines = counts.filter((count) => count.kind === 'line');
  const zones = counts.filter((count) => count.kind === 'zone');
  if (counts.length === 0) return <p class="empty">Nothing counted yet. Draw a line or a zone to count by.</p>;
  return (
    <>
      {lines.length > 0 && (
        <table>
          <thead><tr><th>Line</th><th>Class</th><th>Left to right</th><th>Right to left</th></tr></thead>
          <tbody>
            {lines.map((count) => (
              <tr key={`${count.shape}/${count.label}`}>
                <td>{count.shape}</td><td>{count.label}</td>
                <td class="number">{count.left_to_right ?? 0}</td><td class="number">{count.right_to_left ?? 0}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {zones.length > 0 && (
        <table>
          <thead><tr><th>Zone</th><th>Class</th><th>Inside</th><th>Entered</th><th>Left</th><th>Stay</th></tr></thead>
          <tbody>
            {zones.map((count) => (
              <tr key={`${count.shape}/${count.label}`}>
                <td>{count.shape}</td><td>{count.label}</td>
                <td class="number">{count.inside ?? 0}</td><td class="number">{count.entered ?? 0}</td>
                <td class="number">{count.left ?? 0}</td>
                <td class="number">{count.dwell_mean_s ? `${count.dwell_mean_s.toFixed(1)} s` : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function bitrate(bps: number | undefined): string {
  if (!bps) return '–';
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;
}

function DetailsPanel({ camera }: { camera: Camera }) {
  const frames = camera.frames;
  const packets = camera.packets
  const since = camera.state_since ? new Date(camera.state_since).toLocaleString() : '–';
  const rows: [string, string][] = [
    ['Source', camera.source],
    ['State since', since],
    ['Picture', camera.width ? `${camera.width}×${camera.height} ${camera.codec ?? ''}` : '–'],
    ['Rate', camera.fps ? `${camera.fps.toFixed(1)} fps, ${bitrate(camera.bitrate_bps)}` : '–'],
    ['Packet in to event out', camera.delay_ms ? `${camera.delay_ms.toFixed(0)} ms` : '–'],
    ['Model', camera.model?.name ? `${camera.model.name} ${camera.model.version ?? ''}` : 'none: motion only'],
    ['In sight', String(camera.tracks ?? 0)],
    ['Pictures', frames ? `${frames.decoded} decoded, ${frames.detected} looked at, ${frames.skipped} passed over, ${frames.corrupt} damaged` : '–'],
    ['Packets', packets ? `${packets.received} received, ${packets.not_decoded} left alone, ${packets.awake ? 'awake' : 'asleep: nothing moves'}` : '–'],
    ['Reconnects', `${camera.reconnects ?? 0}, stalls ${camera.stalls ?? 0}`],
  ];
  return (
    <dl>
      {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function RemoveDialog(props: {
  camera: Camera; onClose: () => void; onStart: () => void; onRemoved: () => void;
}) {
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    props.onStart();
    try {
      await removeCamera(props.camera.id);
      props.onRemoved();
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Remove ${props.camera.id}?`} onClose={props.onClose}>
      <p>Its picture, zones and lines go; events that were kept stay. It can be taken back.</p>
      <ErrorText error={error} />
      <div class="buttons">
        <button type="button" onClick={props.onClose} autofocus>Cancel</button>
        <button type="button" class="danger" onClick={remove} disabled={isBusy}>Remove</button>
      </div>
    </Dialog>
  );
}

const TABS = ['Counts', 'Events', 'Details'] as const;

export function CameraView(props: { camera: Camera; onChanged: (text: string) => Promise<void> }) {
  const { camera } = props;
  const [tab, setTab] = useState<(typeof TABS)[number]>('Counts');
  const [isEditing, setEditing] = useState(false);
  const [isRemoving, setRemoving] = useState(false);
  const [isLeaving, setLeaving] = useState(false); // nothing is asked about it any more
  const [type, setType] = useState('');
  const [error, setError] = useState<Error | null>(null);

  const toggle = async () => {
    setError(null);
    const enabled = camera.state === 'disabled';
    try {
      await changeCamera(camera.id, { enabled });
      await props.onChanged(`Camera ${camera.id} was switched ${enabled ? 'on' : 'off'}.`);
    } catch (problem) {
      setError(problem as Error);
    }
  };

  return (
    <section class="single" aria-label={`Camera ${camera.id}`}>
      <div class="single-picture">
        <div class="single-head">
          <h1>{camera.id}</h1>
          <StateBadge camera={camera} />
          <span class="spring" />
          {!isEditing && <button type="button" onClick={() => setEditing(true)}>Edit zones and lines</button>}
          <button type="button" onClick={toggle}>{camera.state === 'disabled' ? 'Switch on' : 'Switch off'}</button>
          <button type="button" class="danger" onClick={() => setRemoving(true)}>Remove</button>
        </div>
        <ErrorText error={error} />
        {isLeaving ? null : isEditing ? (
          <ShapeEditor
            camera={camera}
            onClose={() => setEditing(false)}
            onSaved={async () => {
              setEditing(false);
              await props.onChanged(`Zones and lines of ${camera.id} were saved.`);
            }}
          />
        ) : (
          <Stage camera={camera}><ShapesOver camera={camera} /></Stage>
        )}
      </div>
      <div class="single-side">
        <div class="tabs" role="tablist" aria-label="About this camera">
          {TABS.map((name) => (
            <button
              key={name} type="button" role="tab" id={`tab-${name}`} aria-selected={tab === name}
              aria-controls="panel" tabIndex={tab === name ? 0 : -1} onClick={() => setTab(name)}
              onKeyDown={(event) => {
                const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? TABS.length - 1 : 0;
                if (!step) return;
                const next = TABS[(TABS.indexOf(tab) + step) % TABS.length];
                setTab(next);
                document.getElementById(`tab-${next}`)?.focus();
              }}
            >{name}</button>
          ))}
        </div>
        <div class="panel" role="tabpanel" id="panel" aria-labelledby={`tab-${tab}`}>
          {!isLeaving && tab === 'Counts' && <CountsPanel camera={camera} />}
          {!isLeaving && tab === 'Events' && (
            <>
              <div class="filters"><TypeSelect value={type} onChange={setType} /></div>
              <EventList camera={camera.id} type={type} label="" withCamera={false} />
            </>
          )}
          {tab === 'Details' && <DetailsPanel camera={camera} />}
        </div>
      </div>
      {isRemoving && (
        <RemoveDialog
          camera={camera}
          onStart={() => setLeaving(true)}
          onClose={() => {
            setRemoving(false);
            setLeaving(false);
          }}
          onRemoved={async () => {
            setRemoving(false);
            // First the new list, then the grid: it would ask for the pictures of what is gone.
            await props.onChanged(`Camera ${camera.id} was removed.`);
            location.hash = '#/';
          }}
        />
      )}
    </section>
  );
}
