// One camera on one place of the page: live video where the browser can play it and connections are left,
// still pictures otherwise, and boxes over either. No framework in here: it runs for every picture.

import { cameraPath, request } from './api';
import { draw } from './overlay';
import { canPlay, Player } from './player';
import { Backoff, listen } from './retry';
import { Drawing, Results } from './results';
import { onSlotsFree, takeSlots } from './slots';
import type { Camera, Result } from './types';

const STILL_MS = 200; // between two still pictures: at most 5 a second
const STILL_SLOW_MS = 1000; // where there are many
const BOX_WAIT_MS = 150; // how long a still picture waits for its boxes

export type Mode = 'starting' | 'video' | 'stills' | 'paused';

export interface ViewStatus {
  mode: Mode;
  note: string; // one sentence for people, '' when all is well
}

// What tests look at: the last picture drawn, and from when its boxes are.
export interface Probe {
  mode: Mode;
  mediaTime: number; // seconds, of the picture
  boxPts: number | null; // seconds, of the boxes over it; null when there were none
  gap: number; // seconds between two pictures
  lag: number; // seconds behind the newest picture
  frames: number; // pictures drawn over
  matched: number; // of those, with boxes no more than one picture away
  objects: Drawing['objects'];
}

declare global {
  interface Window {
    __omma: Record<string, Probe>;
  }
}
window.__omma = {};

const CODEC_NAMES: Record<string, string> = {
  h264: 'H.264', hevc: 'H.265', av1: 'AV1', vp8: 'VP8', vp9: 'VP9', mpeg2: 'MPEG-2', mpeg4: 'MPEG-4', mjpeg: 'Motion JPEG',
};
const STILLS_NOTE = 'still pictures, up to 5 a second';

function whyStills(camera: Camera): string {
  if (camera.state === 'fallback') return 'The camera is away; this is its fallback.';
  if (camera.state === 'ended') return 'This is the last picture.';
  if (camera.state === 'stalled') return 'Nothing comes from the camera; this is its last picture.';
  const codec = CODEC_NAMES[camera.codec ?? ''] ?? 'raw pictures';
  if (camera.live === 'fmp4') return `This browser cannot play ${codec} (${camera.codecs}): ${STILLS_NOTE}.`;
  return `Shown as ${STILLS_NOTE}: browsers do not play ${codec} as video.`;
}

export class View {
  private stop = new AbortController();
  private player: Player | null = null;
  private results = new Results();
  private closeBoxes: (() => void) | null = null;
  private giveBack: (() => void) | null = null;
  private runs: 'video' | 'stills' | null = null;
  private isInSight = true;
  private isShort = false; // stills only because there is no connection left for video
  private unplayable = '';
  private status: ViewStatus = { mode: 'starting', note: '' };
  private probe: Probe;
  private offs: (() => void)[] = [];
  private stillUrl = '';

  constructor(
    private camera: Camera,
    private video: HTMLVideoElement,
    private image: HTMLImageElement,
    private canvas: HTMLCanvasElement,
    private onStatus: (status: ViewStatus) => void,
  ) {
    this.probe = {
      mode: 'starting', mediaTime: 0, boxPts: null, gap: 0, lag: 0, frames: 0, matched: 0, objects: [],
    };
    window.__omma[camera.id] = this.probe;
    const choose = () => this.choose();
    document.addEventListener('visibilitychange', choose);
    this.offs.push(() => document.removeEventListener('visibilitychange', choose));
    this.offs.push(onSlotsFree(() => this.choose()));
    const observer = new IntersectionObserver((entries) => {
      this.isInSight = entries[entries.length - 1].isIntersecting;
      this.choose();
    }, { rootMargin: '100px' });
    observer.observe(canvas);
    this.offs.push(() => observer.disconnect());
    this.onPicture();
    this.choose();
  }

  close(): void {
    for (const off of this.offs) off();
    this.offs = [];
    this.halt();
    this.onStatus = () => undefined;
    if (window.__omma[this.camera.id] === this.probe) delete window.__omma[this.camera.id];
    if (this.stillUrl) URL.revokeObjectURL(this.stillUrl);
  }

  update(camera: Camera): void {
    const before = this.camera;
    this.camera = camera;
    if (camera.codecs !== before.codecs || camera.live !== before.live || camera.state !== before.state) {
      if (camera.codecs !== before.codecs) this.unplayable = '';
      this.choose();
    }
  }

  // What the camera's state allows. Asking for what is not there would only fill the console.
  private wish(): 'video' | 'stills' | null {
    const { live, codecs, state } = this.camera;
    if (document.hidden || !this.isInSight || state === 'disabled' || state === 'refused') return null;
    const isPlayable = !this.unplayable && live === 'fmp4' && (!codecs || canPlay(codecs));
    // Live video outlives a camera's reconnects, but is not begun while there is none. The fallback and the
    // end of a file are shown as pictures.
    const canGoOn = this.player !== null && state !== 'fallback' && state !== 'ended';
    if (isPlayable && (state === 'live' || canGoOn)) return 'video';
    return state === 'connecting' || state === 'backoff' ? null : 'stills';
  }

  // Decides what runs now; called whenever something it depends on has changed.
  private choose(): void {
    const wish = this.wish();
    if (wish === null) return this.pause();
    const isRunning = wish === this.runs && (wish === 'video' || this.isShort === false);
    if (isRunning) {
      if (wish === 'stills' && !this.closeBoxes) this.openBoxes(takeSlots(1));
      return;
    }
    const slots = wish === 'video' ? takeSlots(2) : null;
    if (wish === 'video' && !slots && this.isShort) return;
    this.halt();
    this.isShort = wish === 'video' && !slots;
    this.runs = this.isShort ? 'stills' : wish;
    if (slots) this.startVideo(slots);
    else this.startStills();
  }

  private pause(): void {
    this.halt();
    this.runs = null;
    this.isShort = false;
    this.say('paused', '');
  }

  private halt(): void {
    this.stop.abort();
    this.stop = new AbortController();
    this.player?.close();
    this.player = null;
    this.closeBoxes?.();
    this.closeBoxes = null;
    this.giveBack?.();
    this.giveBack = null;
  }

  private say(mode: Mode, note: string): void {
    this.probe.mode = mode;
    if (this.status.mode === mode && this.status.note === note) return;
    this.status = { mode, note };
    this.onStatus(this.status);
  }

  private openBoxes(slots: (() => void) | null): void {
    if (!slots) return;
    this.giveBack = slots;
    this.results = new Results();
    this.closeBoxes = listen(() => cameraPath(this.camera.id, '/boxes'), [], (data) => {
      const edge = this.player?.edgeUs ?? NaN;
      this.results.add(JSON.parse(data) as Result, edge);
      if (this.player) this.player.resultDelayS = this.results.delayS;
    });
  }

  // ---- video -----------------------------------------------------------------------------------

  private startVideo(slots: () => void): void {
    this.openBoxes(slots);
    this.say('starting', '');
    this.player = new Player(this.video, cameraPath(this.camera.id, '/live.mp4'), {
      onPlaying: () => this.say('video', ''),
      onWaiting: (reason) => this.say('starting', `Waiting for video: ${reason}.`),
      onUnplayable: (reason) => {
        this.unplayable = reason;
        this.choose();
      },
    });
  }

  // For each picture that is shown: the boxes of its time.
  private onPicture(): void {
    const { video } = this;
    let isOpen = true;
    let handle = 0;
    const hasFrameCallback = typeof video.requestVideoFrameCallback === 'function';
    const each = (time: number) => {
      if (!isOpen) return;
      if (this.player) this.drawVideo(time);
      next();
    };
    const next = () => {
      if (hasFrameCallback) handle = video.requestVideoFrameCallback((_, frame) => each(frame.mediaTime));
      else handle = requestAnimationFrame(() => each(video.currentTime));
    };
    next();
    this.offs.push(() => {
      isOpen = false;
      if (hasFrameCallback) video.cancelVideoFrameCallback(handle);
      else cancelAnimationFrame(handle);
    });
  }

  private drawVideo(mediaTime: number): void {
    const player = this.player!;
    const gapUs = player.gapUs;
    const drawing = this.results.at(Math.round(mediaTime * 1e6), gapUs);
    draw(this.canvas, drawing);
    this.note(mediaTime, gapUs / 1e6, drawing);
    this.probe.lag = player.edgeUs / 1e6 - mediaTime;
  }

  private note(mediaTime: number, gap: number, drawing: Drawing | null): void {
    const { probe } = this;
    probe.mediaTime = mediaTime;
    probe.gap = gap;
    probe.frames++;
    probe.boxPts = drawing ? drawing.boxPtsUs / 1e6 : null;
    probe.objects = drawing?.objects ?? [];
    if (probe.boxPts !== null && Math.abs(probe.boxPts - mediaTime) <= gap) probe.matched++;
  }

  // ---- still pictures --------------------------------------------------------------------------

  private startStills(): void {
    const { isShort } = this;
    if (!isShort) this.openBoxes(takeSlots(1));
    this.say('stills', this.stillsNote());
    void this.runStills(isShort ? STILL_SLOW_MS : STILL_MS);
  }

  private stillsNote(): string {
    if (!this.isShort) return whyStills(this.camera);
    return 'Still pictures: this browser has no connection left for more video. Open the camera to see it move.';
  }

  private async runStills(everyMs: number): Promise<void> {
    const { signal } = this.stop;
    const backoff = new Backoff();
    let last = '';
    while (!signal.aborted) {
      const due = performance.now() + everyMs;
      try {
        last = await this.showStill(signal, last);
        backoff.reset();
        if (!signal.aborted) this.say('stills', this.stillsNote());
      } catch (error) {
        if (signal.aborted) return;
        this.say('stills', `No picture: ${(error as Error).message}.`);
        await backoff.wait(signal);
      }
      await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
    }
  }

  private async showStill(signal: AbortSignal, last: string): Promise<string> {
    const width = Math.min(1280, Math.max(160, Math.ceil((this.canvas.clientWidth * devicePixelRatio) / 160) * 160));
    const answer = await request(cameraPath(this.camera.id, `/snapshot.jpg?width=${width}`), { signal });
    const pts = answer.headers.get('X-Pts-Us') ?? '';
    const blob = await answer.blob();
    if (pts && pts === last) return pts;
    const ptsUs = pts ? Number(pts) : NaN;
    const gapUs = this.camera.fps ? 1e6 / this.camera.fps : 100_000;
    const drawing = await this.boxesOf(ptsUs, gapUs, signal);
    if (signal.aborted) return pts;
    const url = URL.createObjectURL(blob);
    this.image.src = url;
    await this.image.decode().catch(() => undefined);
    if (this.stillUrl) URL.revokeObjectURL(this.stillUrl);
    this.stillUrl = url;
    draw(this.canvas, drawing);
    this.note(ptsUs / 1e6, gapUs / 1e6, drawing);
    return pts;
  }

  // The newest picture is there before its boxes are: a moment is spent on waiting for them.
  private async boxesOf(ptsUs: number, gapUs: number, signal: AbortSignal): Promise<Drawing | null> {
    const isHere = () => (this.results.latest?.pts_us ?? -1) >= ptsUs;
    if (Number.isNaN(ptsUs)) return null;
    const until = performance.now() + BOX_WAIT_MS;
    while (this.closeBoxes && !isHere() && performance.now() < until && !signal.aborted) {
      await new Promise((done) => setTimeout(done, 15));
    }
    return this.results.at(ptsUs, gapUs);
  }
}
