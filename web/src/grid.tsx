// All cameras side by side.

import { Stage, StateBadge } from './stage';
import type { Camera } from './types';

function figures(camera: Camera): string {
  const parts = [];
  if (camera.codec) parts.push(camera.codec);
  if (camera.width) parts.push(`${camera.width}×${camera.height}`);
  if (camera.fps) parts.push(`${camera.fps.toFixed(1)} fps`);
  if (camera.tracks) parts.push(`${camera.tracks} in sight`);
  return parts.join(' · ');
}

function Tile({ camera }: { camera: Camera }) {
  return (
    <article class="tile" data-camera={camera.id}>
      <Stage camera={camera} />
      <div class="tile-foot">
        <h2><a href={`#/camera/${encodeURIComponent(camera.id)}`}>{camera.id}</a></h2>
        <StateBadge camera={camera} />
        <span class="figures">{figures(camera)}</span>
      </div>
    </article>
  );
}

export function Grid({ cameras, onAdd }: { cameras: Camera[] | null; onAdd: () => void }) {
  if (!cameras) return <p class="empty" role="status">Asking for the cameras…</p>;
  if (cameras.length === 0) {
    return (
      <div class="empty">
        <p>No cameras yet. Add an RTSP address, a file, or the moving test scene.</p>
        <button type="button" class="primary" onClick={onAdd}>Add camera</button>
      </div>
    );
  }
  return (
    <section class="grid" aria-label="Cameras">
      {cameras.map((camera) => <Tile key={camera.id} camera={camera} />)}
    </section>
  );
}
