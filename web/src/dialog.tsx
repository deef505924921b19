import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

// A modal dialogue of the browser's own: focus stays inside, Escape closes.
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog ref={ref} aria-label={props.title} onCancel={(event) => {
      event.preventDefault();
      props.onClose();
    }}>
      <h2>{props.title}</h2>
      {props.children}
    </dialog>
  );
}

export function ErrorText({ error }: { error: Error | null }) {
  if (!error) return null;
  const hint = (error as { hint?: string }).hint;
  return (
    <p class="error" role="alert">
      {error.message}
      {hint && <span class="hint">{hint}</span>}
    </p>
  );
}
