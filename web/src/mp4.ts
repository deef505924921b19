// Cuts a stream of fragmented MP4 into its segments while it arrives, and reads from them what a live
// player needs: codec, decode time, duration.

export interface InitSegment {
  kind: 'init';
  bytes: Uint8Array;
  codecs: string; // '' when the sample entry is none of avc1, hvc1
}

export interface Fragment {
  kind: 'fragment';
  bytes: Uint8Array;
  decodeUs: number; // of the first picture
  presentUs: number; // of the last one
  isKey: boolean;
  lastDurationAt: number; // where the duration of the last picture stands in `bytes`
  durationUs: number; // of all pictures together
}

export type Segment = InitSegment | Fragment;

const SEGMENT_MAX = 32 * 1024 * 1024;

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function typeAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]);
}

// The boxes between two places, as [type, from, to]; `from` is behind the box's head.
function* boxes(bytes: Uint8Array, from: number, to: number): Generator<[string, number, number]> {
  const data = view(bytes);
  for (let at = from; at + 8 <= to;) {
    const size = data.getUint32(at);
    if (size < 8 || at + size > to) return;
    yield [typeAt(bytes, at), at + 8, at + size];
    at += size;
  }
}

function find(bytes: Uint8Array, path: string[], from = 0, to = bytes.length): [number, number] | null {
  for (const [type, start, end] of boxes(bytes, from, to)) {
    if (type === path[0]) return path.length === 1 ? [start, end] : find(bytes, path.slice(1), start, end);
  }
  return null;
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');

function avcCodecs(record: Uint8Array): string {
  return `avc1.${hex(record[1])}${hex(record[2])}${hex(record[3])}`;
}

function hevcCodecs(record: Uint8Array): string {
  let flags = 0;
  for (let i = 0; i < 32; i++) {
    if (record[2 + (i >> 3)] & (0x80 >> (i & 7))) flags += 2 ** i;
  }
  const tier = record[1] & 0x20 ? 'H' : 'L';
  let text = `hvc1.${['', 'A', 'B', 'C'][record[1] >> 6]}${record[1] & 0x1f}.${flags.toString(16).toUpperCase()}.${tier}${record[12]}`;
  let last = 11;
  while (last > 5 && record[last] === 0) last--;
  for (let i = 6; i <= last; i++) text += `.${record[i].toString(16).toUpperCase()}`;
  return text;
}

export function codecsOf(init: Uint8Array): string {
  const stsd = find(init, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  if (!stsd) return '';
  for (const [type, from, to] of boxes(init, stsd[0] + 8, stsd[1])) {
    const config = find(init, [type === 'avc1' ? 'avcC' : 'hvcC'], from + 78, to);
    if (!config) continue;
    const record = init.subarray(config[0], config[1]);
    return type === 'avc1' ? avcCodecs(record) : hevcCodecs(record);
  }
  return '';
}

// Reads the first track fragment. Omma writes all four fields of each sample into `trun`.
function readFragment(bytes: Uint8Array): Fragment | null {
  const traf = find(bytes, ['moof', 'traf']);
  const tfdt = traf && find(bytes, ['tfdt'], traf[0], traf[1]);
  const trun = traf && find(bytes, ['trun'], traf[0], traf[1]);
  if (!tfdt || !trun) return null;
  const data = view(bytes);
  const decodeUs = data.getUint32(tfdt[0] + 4) * 2 ** 32 + data.getUint32(tfdt[0] + 8);
  const count = data.getUint32(trun[0] + 4);
  if ((data.getUint32(trun[0]) & 0xffffff) !== 0xf01 || count === 0) return null;
  let durationUs = 0;
  let presentUs = 0;
  const entries = trun[0] + 12;
  for (let i = 0; i < count; i++) {
    presentUs = Math.max(presentUs, decodeUs + durationUs + data.getInt32(entries + 16 * i + 12));
    durationUs += data.getUint32(entries + 16 * i);
  }
  const isKey = (data.getUint32(entries + 8) & 0x10000) === 0;
  const lastDurationAt = entries + 16 * (count - 1);
  return { kind: 'fragment', bytes, decodeUs, presentUs, isKey, lastDurationAt, durationUs };
}

// A fragment cannot know when the next picture comes; once that is here, it is told. (MSE throws away all
// up to the next key frame where a gap is longer than twice the duration before it.)
export function setNextDecode(fragment: Fragment, nextDecodeUs: number): void {
  const data = view(fragment.bytes);
  const last = data.getUint32(fragment.lastDurationAt);
  const wanted = nextDecodeUs - fragment.decodeUs - (fragment.durationUs - last);
  if (wanted > 0 && wanted < 2 ** 32) {
    data.setUint32(fragment.lastDurationAt, wanted);
    fragment.durationUs += wanted - last;
  }
}

export class Splitter {
  private waiting = new Uint8Array(64 * 1024);
  private length = 0;

  push(chunk: Uint8Array): Segment[] {
    this.append(chunk);
    const segments: Segment[] = [];
    let from = 0;
    for (let segment = this.next(from); segment; segment = this.next(from)) {
      from += segment.size;
      if (segment.value) segments.push(segment.value);
    }
    this.waiting.copyWithin(0, from, this.length);
    this.length -= from;
    return segments;
  }

  private append(chunk: Uint8Array): void {
    if (this.length + chunk.length > SEGMENT_MAX) throw new Error('a segment of the stream is too large');
    if (this.length + chunk.length > this.waiting.length) {
      const larger = new Uint8Array(2 * (this.length + chunk.length));
      larger.set(this.waiting.subarray(0, this.length));
      this.waiting = larger;
    }
    this.waiting.set(chunk, this.length);
    this.length += chunk.length;
  }

  // A segment is ftyp and moov, or moof and mdat; anything else is stepped over.
  private next(from: number): { size: number; value: Segment | null } | null {
    const data = view(this.waiting);
    for (let at = from; at + 8 <= this.length;) {
      const size = data.getUint32(at);
      if (size < 8 || size > SEGMENT_MAX) throw new Error('the stream is not MP4');
      if (at + size > this.length) return null;
      const type = typeAt(this.waiting, at);
      at += size;
      if (type === 'ftyp' || type === 'moof') continue;
      const bytes = this.waiting.slice(from, at);
      const value: Segment | null =
        type === 'moov' ? { kind: 'init', bytes, codecs: codecsOf(bytes) }
        : type === 'mdat' ? readFragment(bytes)
        : null;
      return { size: at - from, value };
    }
    return null;
  }
}
