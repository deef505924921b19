// The picture of a camera, with what is drawn over it.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Camera, CameraState } from './types';
import { View, ViewStatus } from './view';

const STATE_TEXT: Record<CameraState, string> = {
  connecting: 'Connecting',
  live: 'Live',
  stalled: 'No pictures',
  backoff: 'Trying again soon',
  fallback: 'Fallback picture',
  ended: 'Ended',
  disabled: 'Switched off',
  refused: 'Refused',
};

export function StateBadge({ camera }: { camera: Camera }) {
  const why = [camera.reason, camera.hint].filter(Boolean).join('; ');
  return (
    <span class={`badge ${camera.state}`} title={why || undefined}>
      {STATE_TEXT[camera.state] ?? camera.state}
    </span>
  );
}

// Why nothing moves, over the picture.
function Notice({ camera }: { camera: Camera }) {
  if (camera.state === 'live') return null;
  return (
    <div class="notice">
      <strong>{STATE_TEXT[camera.state] ?? camera.state}</strong>
      {camera.reason && <span>{camera.reason}</span>}
      {camera.hint && <span class="hint">{camera.hint}</span>}
    </div>
  );
}

export function Stage({ camera, children }: { camera: Camera; children?: ComponentChildren }) {
  const video = useRef<HTMLVideoElement>(null);
  const image = useRef<HTMLImageElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<View | null>(null);
  const [status, setStatus] = useState<ViewStatus>({ mode: 'starting', note: '' });

  useEffect(() => {
    const made = new View(camera, video.current!, image.current!, canvas.current!, setStatus);
    view.current = made;
    return () => made.close();
  }, [camera.id]);
  useEffect(() => view.current?.update(camera), [camera]);

  const shape = { aspectRatio: camera.width && camera.height ? `${camera.width} / ${camera.height}` : '16 / 9' };
  return (
    <figure class="stage-box">
      <div class="stage" style={shape} data-mode={status.mode} data-state={camera.state}>
        <video ref={video} muted playsInline aria-label={`Live video of ${camera.id}`} />
        <img ref={image} alt={status.mode === 'stills' ? `Picture of ${camera.id}` : ''} />
        <canvas ref={canvas} aria-hidden="true" />
        {children}
        <Notice camera={camera} />
      </div>
      {status.note && <figcaption class="note" role="status">{status.note}</figcaption>}
    </figure>
  );
}
