// Boxes on a canvas over the picture.

import type { Box, Seen } from './types';
import type { Drawing } from './results';

// The same label has the same colour everywhere; neighbours in the alphabet are far apart on the wheel.
export function hueOf(label: string): number {
  let hash = 2166136261;
  for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 16777619);
  return Math.round(((hash >>> 0) * 0.61803398875 % 1) * 360);
}

// Where a picture of that shape lies within the canvas.
export function contain(width: number, height: number, w: number, h: number): Box {
  const scale = Math.min(width / w, height / h);
  return [(width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale];
}

function drawLabel(ctx: CanvasRenderingContext2D, seen: Seen, x: number, y: number, width: number): void {
  const score = seen.label === 'motion' ? '' : ` ${seen.score.toFixed(2)}`; // motion is there or not
  const text = `${seen.label}${score}${seen.id ? ` #${seen.id}` : ''}`;
  const w = ctx.measureText(text).width + 8;
  const left = Math.max(0, Math.min(x, width - w));
  const top = y >= 17 ? y - 17 : y;
  ctx.fillStyle = `hsl(${hueOf(seen.label)} 75% 28%)`;
  ctx.fillRect(left, top, w, 17);
  ctx.fillStyle = '#fff';
  ctx.fillText(text, left + 4, top + 12.5);
}

function prepare(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale);
  const height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const ctx = canvas.getContext('2d');
  ctx?.setTransform(scale, 0, 0, scale, 0, 0);
  ctx?.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return ctx;
}

export function draw(canvas: HTMLCanvasElement, drawing: Drawing | null): void {
  const ctx = prepare(canvas);
  if (!ctx || !drawing || !drawing.width || !drawing.height) return;
  const width = canvas.clientWidth;
  const [x0, y0, w, h] = contain(width, canvas.clientHeight, drawing.width, drawing.height);
  const sx = w / drawing.width;
  const sy = h / drawing.height;

  ctx.lineWidth = 1;
  ctx.setLineDash([4, 4]);
  ctx.strokeStyle = 'rgba(255, 255, 255, 0.7)';
  for (const region of drawing.regions) {
    ctx.strokeRect(x0 + region[0] * sx, y0 + region[1] * sy, region[2] * sx, region[3] * sy);
  }
  ctx.setLineDash([]);
  ctx.font = '600 12px system-ui, sans-serif';
  for (const seen of drawing.objects) {
    const [bx, by, bw, bh] = seen.box;
    ctx.lineWidth = 4;
    ctx.strokeStyle = 'rgba(0, 0, 0, 0.45)';
    ctx.strokeRect(x0 + bx * sx, y0 + by * sy, bw * sx, bh * sy);
    ctx.lineWidth = 2;
    ctx.strokeStyle = `hsl(${hueOf(seen.label)} 90% 60%)`;
    ctx.strokeRect(x0 + bx * sx, y0 + by * sy, bw * sx, bh * sy);
  }
  for (const seen of drawing.objects) {
    drawLabel(ctx, seen, x0 + seen.box[0] * sx, y0 + seen.box[1] * sy, width);
  }
}
