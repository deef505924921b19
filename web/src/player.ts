// Live video by Media Source Extensions: stays a moment behind the newest picture and never falls far back.
//
// The timeline of the video element is the camera's media clock (timestampOffset stays 0), so currentTime
// is the pts by which boxes are told. A new epoch or a new picture size arrives as a new init segment in the
// same stream; a jump of the clock is followed by seeking.

import { Problem, request } from './api';
import { Fragment, InitSegment, Segment, setNextDecode, Splitter } from './mp4';
import { Backoff } from './retry';

const LAG_MIN_S = 0.25; // behind the newest picture
const LAG_MAX_S = 1.5; // at most, when results come late
const FAR_S = 2; // further behind than this: jump
const HOLD_MS = 250; // the longest a picture waits for the next one's time
const KEEP_S = 15; // of played video
const FOLLOW_MS = 400; // the longest a jump of the clock waits for more pictures
const JUMP_US = 500_000; // a gap of the clock that is followed by seeking

type MediaSourceClass = typeof MediaSource;
declare global {
  interface Window {
    ManagedMediaSource?: MediaSourceClass;
  }
}

const Source: MediaSourceClass | undefined =
  typeof window.MediaSource === 'undefined' ? window.ManagedMediaSource : window.MediaSource;

export function canPlay(codecs: string): boolean {
  return !!Source && codecs !== '' && Source.isTypeSupported(`video/mp4; codecs="${codecs}"`);
}

export interface PlayerEvents {
  onPlaying(): void;
  // Nothing comes at the moment; it is tried again.
  onWaiting(reason: string): void;
  // This browser cannot play the stream, ever.
  onUnplayable(reason: string): void;
}

class Unplayable extends Error {}

// One connection: from the first byte until the stream ends or something fails.
class Session {
  private source = new Source!();
  private buffer: SourceBuffer | null = null;
  private queue: Segment[] = [];
  private held: Fragment | null = null;
  private holdTimer = 0;
  private expectUs = NaN; // decode time that would follow without a gap
  private jumpedAt = 0; // when the clock jumped and playing has to follow; 0 = it did
  private failed: Error | null = null;
  private url = '';
  edgeUs = NaN; // pts of the newest picture in the buffer
  gapUs = 40_000; // usual distance of two pictures
  isFresh = true; // nothing was shown since the last jump of the clock

  constructor(private video: HTMLVideoElement) {}

  async open(): Promise<void> {
    this.video.disableRemotePlayback = true; // ManagedMediaSource insists
    this.url = URL.createObjectURL(this.source);
    this.video.src = this.url;
    if (this.source.readyState !== 'open') {
      await new Promise((done) => this.source.addEventListener('sourceopen', done, { once: true }));
    }
  }

  close(): void {
    clearTimeout(this.holdTimer);
    URL.revokeObjectURL(this.url);
    this.queue = [];
    this.video.removeAttribute('src');
    this.video.load();
  }

  push(segment: Segment): void {
    if (this.failed) throw this.failed;
    clearTimeout(this.holdTimer);
    if (segment.kind === 'init') {
      this.release(NaN);
      this.queue.push(segment);
    } else {
      this.release(segment.decodeUs);
      this.held = segment;
      this.holdTimer = window.setTimeout(() => this.releaseLate(), HOLD_MS);
    }
    this.pump();
  }

  private release(nextDecodeUs: number): void {
    const fragment = this.held;
    if (!fragment) return;
    this.held = null;
    const gap = nextDecodeUs - fragment.decodeUs;
    if (gap > 0 && gap < 10_000_000) {
      setNextDecode(fragment, nextDecodeUs);
      this.gapUs += (Math.min(gap, 2_000_000) - this.gapUs) / 8;
    }
    this.queue.push(fragment);
  }

  // The next picture is late: this one is shown now, with a duration that leaves room for the next.
  private releaseLate(): void {
    if (this.held) this.release(this.held.decodeUs + 1_000_000);
    this.pump();
  }

  private pump(): void {
    const buffer = this.buffer;
    if (this.failed || buffer?.updating) return;
    if (this.source.readyState !== 'open') return;
    const segment = this.queue[0];
    try {
      if (!segment) return this.trim();
      if (segment.kind === 'init') this.startTrack(segment);
      else if (!buffer) return void this.queue.shift();
      else this.note(segment);
      this.buffer!.appendBuffer(segment.bytes);
      this.queue.shift();
    } catch (error) {
      if ((error as Error).name === 'QuotaExceededError') this.makeRoom();
      else this.failed = error as Error;
    }
  }

  private startTrack(init: InitSegment): void {
    if (!canPlay(init.codecs)) throw new Unplayable(`this browser cannot play ${init.codecs || 'this video'}`);
    const mime = `video/mp4; codecs="${init.codecs}"`;
    if (this.buffer) {
      this.buffer.changeType(mime);
      this.expectUs = NaN;
      return;
    }
    this.buffer = this.source.addSourceBuffer(mime);
    this.buffer.mode = 'segments';
    this.buffer.addEventListener('updateend', () => {
      this.follow();
      this.pump();
    });
    this.buffer.addEventListener('error', () => {
      this.failed = new Error('the video stream is damaged');
    });
  }

  private note(fragment: Fragment): void {
    const isJump = !(Math.abs(fragment.decodeUs - this.expectUs) < JUMP_US);
    if (isJump) this.jumpedAt = performance.now();
    this.expectUs = fragment.decodeUs + fragment.durationUs;
    this.edgeUs = isJump ? fragment.presentUs : Math.max(this.edgeUs, fragment.presentUs);
  }

  // Follows a jump once there is enough to play behind it, or nothing more came for a moment. (What is left
  // from before it plays on meanwhile.)
  follow(): void {
    if (!this.jumpedAt || Number.isNaN(this.edgeUs)) return;
    const edge = this.edgeUs / 1e6;
    const { buffered } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      const from = buffered.start(i);
      if (edge < from - 0.01 || edge > buffered.end(i) + 0.01) continue;
      if (edge - from < LAG_MIN_S && performance.now() - this.jumpedAt < FOLLOW_MS) return;
      this.jumpedAt = 0;
      this.isFresh = true;
      this.video.currentTime = from;
      return;
    }
  }

  private trim(): void {
    const { buffer, video } = this;
    if (!buffer || buffer.buffered.length === 0) return;
    const from = buffer.buffered.start(0);
    if (from < video.currentTime - 2 * KEEP_S) buffer.remove(from, video.currentTime - KEEP_S);
  }

  private makeRoom(): void {
    const { buffer, video } = this;
    const from = buffer?.buffered.length ? buffer.buffered.start(0) : NaN;
    if (buffer && from < video.currentTime - 1) buffer.remove(from, video.currentTime - 1);
    else this.failed = new Error('the browser has no room for the video');
  }
}

export class Player {
  private stopped = new AbortController();
  private session: Session | null = null;
  private ticker = 0;
  // How long after a picture its boxes are here, in seconds; the page sets it.
  resultDelayS = 0;
  seeks = 0;

  constructor(private video: HTMLVideoElement, private path: string, private events: PlayerEvents) {
    video.muted = true;
    video.playsInline = true;
    void this.run();
    this.ticker = window.setInterval(() => this.steer(), 200);
  }

  close(): void {
    this.stopped.abort();
    clearInterval(this.ticker);
  }

  // pts of the newest picture in the buffer, in microseconds.
  get edgeUs(): number {
    return this.session?.edgeUs ?? NaN;
  }

  get gapUs(): number {
    return this.session?.gapUs ?? 40_000;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    const backoff = new Backoff();
    while (!signal.aborted) {
      const session = new Session(this.video);
      let reason = 'the stream ended';
      try {
        await session.open();
        this.session = session;
        await this.receive(session, signal, backoff);
      } catch (error) {
        if (error instanceof Unplayable) {
          session.close();
          return this.events.onUnplayable(error.message);
        }
        reason = error instanceof Problem ? error.message : 'the connection was lost';
      }
      this.session = null;
      session.close();
      if (signal.aborted) return;
      this.events.onWaiting(reason);
      await backoff.wait(signal);
    }
  }

  private async receive(session: Session, signal: AbortSignal, backoff: Backoff): Promise<void> {
    const connection = new AbortController();
    const abort = () => connection.abort();
    signal.addEventListener('abort', abort);
    try {
      const answer = await request(this.path, { signal: connection.signal });
      const reader = answer.body!.getReader();
      const splitter = new Splitter();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        for (const segment of splitter.push(value)) {
          session.push(segment);
          if (segment.kind === 'fragment') backoff.reset();
        }
      }
    } finally {
      signal.removeEventListener('abort', abort);
      connection.abort();
    }
  }

  // Keeps the picture a moment behind the newest one: far off by a jump, near by playing a little faster or
  // slower.
  private steer(): void {
    const { video, session } = this;
    session?.follow();
    if (!session || Number.isNaN(session.edgeUs) || video.buffered.length === 0 || video.seeking) return;
    if (video.paused) video.play().then(() => this.events.onPlaying(), () => undefined);
    const edge = session.edgeUs / 1e6;
    const gap = session.gapUs / 1e6;
    const wanted = Math.min(LAG_MAX_S, Math.max(LAG_MIN_S, 2 * gap, this.resultDelayS + gap));
    const lag = edge - video.currentTime;
    const far = session.isFresh ? 0.3 : FAR_S; // a new stream begins with pictures that are old already
    session.isFresh = false;
    if (lag > wanted + far || lag < -1 - gap) {
      const start = video.buffered.start(video.buffered.length - 1);
      this.jump(Math.max(start, edge - wanted));
    } else if (this.isInGap()) {
      this.jump(this.nextStart());
    } else {
      const off = lag - wanted;
      const rate = off > 0.5 ? 1.5 : off > 0.1 ? 1.1 : off < -0.1 ? 0.9 : 1;
      if (video.playbackRate !== rate) video.playbackRate = rate;
    }
  }

  private jump(time: number): void {
    this.seeks++;
    this.video.currentTime = time;
  }

  private nextStart(): number {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      if (buffered.start(i) > currentTime) return buffered.start(i);
    }
    return NaN;
  }

  private isInGap(): boolean {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i++) {
      if (currentTime >= buffered.start(i) - 0.001 && currentTime < buffered.end(i)) return false;
    }
    return !Number.isNaN(this.nextStart());
  }
}
