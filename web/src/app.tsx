// The page as a whole: what is on top, which view is open, and what was just done.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { getCameras, getHealth, Problem, undo } from './api';
import { AddCamera } from './add_camera';
import { CameraView } from './camera_view';
import { EventsView } from './events_view';
import { Grid } from './grid';
import { usePoll, useRoute } from './hooks';
import type { Camera, Health } from './types';

interface Toast {
  text: string;
  canUndo: boolean;
}

function HealthDot({ health, isOffline }: { health: Health | null; isOffline: boolean }) {
  if (isOffline) return <span class="health bad" role="status">No answer from Omma</span>;
  if (!health) return null;
  const cameras = health.cameras ?? [];
  const live = cameras.filter((camera) => camera.state === 'live').length;
  const text = cameras.length === 0 ? 'No cameras' : `${live} of ${cameras.length} live`;
  return <a class={`health ${health.status === 'ok' ? 'good' : 'warn'}`} href="/health/stream">{text}</a>;
}

function ToastLine({ toast, onUndo, onClose }: { toast: Toast; onUndo: () => void; onClose: () => void }) {
  useEffect(() => {
    const timer = setTimeout(onClose, 10_000);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <div class="toast" role="status">
      <span>{toast.text}</span>
      {toast.canUndo && <button type="button" onClick={onUndo}>Undo</button>}
      <button type="button" class="quiet" aria-label="Close" onClick={onClose}>×</button>
    </div>
  );
}

export function App() {
  const route = useRoute();
  const [cameras, setCameras] = useState<Camera[] | null>(null);
  const [health, setHealth] = useState<Health | null>(null);
  const [isOffline, setOffline] = useState(false);
  const [isAdding, setAdding] = useState(false);
  const [toast, setToast] = useState<Toast | null>(null);

  const refresh = useCallback(async () => {
    try {
      setCameras(await getCameras());
      setHealth(await getHealth());
      setOffline(false);
    } catch (error) {
      if (!(error instanceof Problem) || error.status === 0) setOffline(true);
    }
  }, []);
  usePoll(refresh, 2000, []);

  const onUndo = async () => {
    try {
      await undo();
      setToast({ text: 'Taken back.', canUndo: false });
    } catch (error) {
      setToast({ text: (error as Error).message, canUndo: false });
    }
    await refresh();
  };
  const onChanged = async (text: string) => {
    setToast({ text, canUndo: true });
    await refresh();
  };

  useEffect(() => {
    const name = route[0] === 'camera' ? route[1] : route[0] === 'events' ? 'Events' : '';
    document.title = name ? `${name} – Omma` : 'Omma';
  }, [route]);

  const camera = route[0] === 'camera' ? cameras?.find((each) => each.id === route[1]) : undefined;
  return (
    <>
      <header class="top">
        <a class="brand" href="#/"><img src="/favicon.svg" alt="" width="24" height="24" />Omma</a>
        <nav aria-label="Views">
          <a href="#/" aria-current={route[0] !== 'events' ? 'page' : undefined}>Cameras</a>
          <a href="#/events" aria-current={route[0] === 'events' ? 'page' : undefined}>Events</a>
        </nav>
        <HealthDot health={health} isOffline={isOffline} />
        <button type="button" class="primary" aria-label="Add camera" onClick={() => setAdding(true)}>
          Add<span class="wide"> camera</span>
        </button>
      </header>
      <main>
        {route[0] === 'events' ? (
          <EventsView cameras={cameras ?? []} />
        ) : route[0] === 'camera' ? (
          camera ? <CameraView key={camera.id} camera={camera} onChanged={onChanged} />
          : cameras && <p class="empty">There is no camera “{route[1]}”. <a href="#/">All cameras</a></p>
        ) : (
          <Grid cameras={cameras} onAdd={() => setAdding(true)} />
        )}
      </main>
      {isAdding && (
        <AddCamera
          cameras={cameras ?? []}
          onClose={() => setAdding(false)}
          onAdded={(id) => {
            setAdding(false);
            void onChanged(`Camera ${id} was added.`);
          }}
        />
      )}
      {toast && <ToastLine toast={toast} onUndo={onUndo} onClose={() => setToast(null)} />}
    </>
  );
}
