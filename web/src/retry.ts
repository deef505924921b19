// Waiting before another try: doubling from half a second to ten, with jitter, cut short by `signal`.

export class Backoff {
  private tries = 0;

  reset(): void {
    this.tries = 0;
  }

  wait(signal: AbortSignal): Promise<void> {
    const ms = Math.min(10_000, 500 * 2 ** this.tries++) * (0.75 + Math.random() / 2);
    return new Promise((done) => {
      const timer = setTimeout(finish, ms);
      function finish() {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        done();
      }
      signal.addEventListener('abort', finish);
      if (signal.aborted) finish();
    });
  }
}

// A stream of server-sent events that comes back by itself. EventSource alone gives up for good on an error
// answer; this tries again until closed.
export function listen(
  path: (lastId: string) => string,
  types: string[],
  onData: (data: string, type: string) => void,
  onState?: (isOpen: boolean) => void,
): () => void {
  const stop = new AbortController();
  const backoff = new Backoff();
  let lastId = '';
  let source: EventSource | null = null;

  function open() {
    if (stop.signal.aborted) return;
    const events = new EventSource(path(lastId));
    source = events;
    const take = (event: MessageEvent) => {
      backoff.reset();
      lastId = event.lastEventId || lastId;
      onData(event.data, event.type);
    };
    events.onopen = () => onState?.(true);
    events.onmessage = take;
    for (const type of types) events.addEventListener(type, take as EventListener);
    events.onerror = async () => {
      events.close();
      onState?.(false);
      await backoff.wait(stop.signal);
      if (source === events) open();
    };
  }

  open();
  return () => {
    stop.abort();
    source?.close();
    source = null;
  };
}
