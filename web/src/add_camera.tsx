// Adding a camera: paste an address or a path, take or change the suggested id.

import { useState } from 'preact/hooks';
import { addCamera } from './api';
import { Dialog, ErrorText } from './dialog';
import type { Camera } from './types';

const EXAMPLES = ['rtsp://user:password@10.0.0.7/stream1', '/path/to/video.mp4?loop', '0', 'test:'];

// An id from the part of the source that tells cameras apart: a file's name, a host and its last segment.
export function suggestId(source: string, taken: string[]): string {
  const text = source.trim().replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/, '');
  const address = /^[a-z]+:\/\/([^/:]+)[^/]*(?:\/.*?)?([^/]*)$/i.exec(text);
  const name = address ? `${address[1]}-${address[2]}` : /^\d+$/.test(text) ? `usb-${text}` : text.split('/').pop()!;
  const base = name.toLowerCase().replace(/\.[a-z0-9]{2,4}$/, '').replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '').slice(0, 60) || (text ? 'camera' : '');
  if (!taken.includes(base)) return base;
  let n = 2;
  while (taken.includes(`${base}-${n}`)) n++;
  return `${base}-${n}`;
}

export function AddCamera(props: { cameras: Camera[]; onClose: () => void; onAdded: (id: string) => void }) {
  const [source, setSource] = useState('');
  const [ownId, setOwnId] = useState<string | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const id = ownId ?? suggestId(source, props.cameras.map((camera) => camera.id));

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      const answer = await addCamera({ source: source.trim(), ...(id ? { id } : {}) });
      const made = (await answer.json().catch(() => ({}))) as { id?: string };
      props.onAdded(made.id ?? id);
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };

  return (
    <Dialog title="Add camera" onClose={props.onClose}>
      <form onSubmit={submit}>
        <label>
          Address or file
          <input
            name="source" required autofocus autocomplete="off" spellcheck={false} maxLength={2048}
            placeholder={EXAMPLES[0]} list="source-examples"
            value={source} onInput={(event) => setSource(event.currentTarget.value)}
          />
        </label>
        <datalist id="source-examples">{EXAMPLES.map((text) => <option key={text} value={text} />)}</datalist>
        <p class="hint">RTSP or HTTP address, file on the server, camera number, or <code>test:</code></p>
        <label>
          Name
          <input
            name="id" required autocomplete="off" spellcheck={false} maxLength={64} pattern="[a-z0-9_\-]+"
            title="a-z, 0-9, _ and -" value={id} onInput={(event) => setOwnId(event.currentTarget.value)}
          />
        </label>
        <ErrorText error={error} />
        <div class="buttons">
          <button type="button" onClick={props.onClose}>Cancel</button>
          <button type="submit" class="primary" disabled={isBusy}>{isBusy ? 'Adding…' : 'Add'}</button>
        </div>
      </form>
    </Dialog>
  );
}
