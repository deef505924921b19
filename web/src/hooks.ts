import { useEffect, useRef, useState } from 'preact/hooks';

// Calls `run` now and again `everyMs` after it ended, while the page is to be seen.
export function usePoll(run: () => Promise<void>, everyMs: number, deps: unknown[]): void {
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    let timer = 0;
    let isOpen = true;
    async function turn() {
      clearTimeout(timer);
      if (!document.hidden) await latest.current().catch(() => undefined);
      clearTimeout(timer);
      if (isOpen) timer = window.setTimeout(turn, everyMs);
    }
    const wake = () => void (document.hidden || turn());
    void turn();
    document.addEventListener('visibilitychange', wake);
    return () => {
      isOpen = false;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', wake);
    };
  }, deps);
}

// The part of the address behind '#/', as its segments.
export function useRoute(): string[] {
  const read = () => {
    try {
      return location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
    } catch {
      return [];
    }
  };
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const onChange = () => setRoute(read());
    window.addEventListener('hashchange', onChange);
    return () => window.removeEventListener('hashchange', onChange);
  }, []);
  return route;
}
