// Results of one camera, by the time stamp of their picture, and what to draw over a picture of a given time.

import type { Box, Result, Seen } from './types';

const KEEP = 400;
const BRIDGE_US = 1_500_000; // results further apart than this are not interpolated
const DELAY_MAX_S = 3; // anything else is a jump of the clock
const AHEAD_US = 300_000; // the longest a box is moved on without a newer result

export interface Drawing {
  objects: Seen[];
  regions: Box[];
  width: number;
  height: number;
  boxPtsUs: number; // time of the boxes: the picture's own when it was processed, or was bridged
}

function mix(a: Box, b: Box, share: number): Box {
  return a.map((value, i) => value + (b[i] - value) * share) as Box;
}

export class Results {
  private items: Result[] = [];
  private delays: number[] = [];

  // `edgeUs`: the newest picture that is here when the result comes.
  add(result: Result, edgeUs: number): void {
    const last = this.items[this.items.length - 1];
    if (last && result.pts_us < last.pts_us) this.items = []; // the clock began anew
    this.items.push(result);
    if (this.items.length > KEEP) this.items.splice(0, this.items.length - KEEP);
    const delay = (edgeUs - result.pts_us) / 1e6;
    if (Math.abs(delay) < DELAY_MAX_S) {
      this.delays.push(delay);
      if (this.delays.length > 50) this.delays.shift();
    }
  }

  get latest(): Result | undefined {
    return this.items[this.items.length - 1];
  }

  // How long after a picture its result is here, nearly always.
  get delayS(): number {
    if (this.delays.length < 5) return 0;
    const sorted = [...this.delays].sort((a, b) => a - b);
    return Math.max(0, sorted[Math.floor(sorted.length * 0.95)]);
  }

  // What to draw over the picture at `ptsUs`; `gapUs` is the distance of two pictures.
  at(ptsUs: number, gapUs: number): Drawing | null {
    let next = this.items.length;
    while (next > 0 && this.items[next - 1].pts_us > ptsUs) next--;
    const before = this.items[next - 1];
    const after = this.items[next];
    if (before && ptsUs - before.pts_us <= gapUs / 2) return this.plain(before);
    if (after && after.pts_us - ptsUs <= gapUs / 2) return this.plain(after);
    if (before && after && after.pts_us - before.pts_us <= BRIDGE_US) return this.bridge(before, after, ptsUs);
    if (before && ptsUs - before.pts_us <= AHEAD_US) return this.moveOn(before, this.items[next - 2], ptsUs);
    return null;
  }

  private plain(result: Result): Drawing {
    const { objects, width, height, pts_us } = result;
    return { objects, regions: result.regions ?? [], width, height, boxPtsUs: pts_us };
  }

  // Between two results: tracks that are in both move evenly; one that ends or begins stays on its side.
  private bridge(before: Result, after: Result, ptsUs: number): Drawing {
    const share = (ptsUs - before.pts_us) / (after.pts_us - before.pts_us);
    const later = new Map(after.objects.map((object) => [object.id, object]));
    const objects: Seen[] = [];
    for (const object of before.objects) {
      const match = later.get(object.id);
      if (match) objects.push({ ...object, box: mix(object.box, match.box, share) });
      else if (share < 0.5) objects.push(object);
      later.delete(object.id);
    }
    if (share >= 0.5) objects.push(...later.values());
    const side = share < 0.5 ? before : after;
    return { ...this.plain(side), objects, boxPtsUs: ptsUs };
  }

  // After the newest result: each track goes on as it last moved.
  private moveOn(last: Result, earlier: Result | undefined, ptsUs: number): Drawing {
    const drawing = this.plain(last);
    const span = earlier ? last.pts_us - earlier.pts_us : 0;
    if (!earlier || span <= 0 || span > BRIDGE_US) return drawing;
    const old = new Map(earlier.objects.map((object) => [object.id, object]));
    const share = 1 + (ptsUs - last.pts_us) / span;
    const objects = last.objects.map((object) => {
      const match = old.get(object.id);
      return match ? { ...object, box: mix(match.box, object.box, Math.min(share, 4)) } : object;
    });
    return { ...drawing, objects };
  }
}
