// Connections that stay open. A browser holds at most six to one host over HTTP/1.1, all tabs together; when
// they are used up, every other call waits. So streams ask here first, and two always stay free.

const isMultiplexed = () =>
  (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming | undefined)
    ?.nextHopProtocol === 'h2';

let free = isMultiplexed() ? 100 : 4;
const waiting = new Set<() => void>();

// Takes `count` connections, or none and returns null. The result gives them back.
export function takeSlots(count: number): (() => void) | null {
  if (count > free) return null;
  free -= count;
  let isHeld = true;
  return () => {
    if (!isHeld) return;
    isHeld = false;
    free += count;
    // Later, not now: who gives them back may be in the middle of taking others.
    setTimeout(() => waiting.forEach((wake) => wake()));
  };
}

export function onSlotsFree(wake: () => void): () => void {
  waiting.add(wake);
  return () => waiting.delete(wake);
}
