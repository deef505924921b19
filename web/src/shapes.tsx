// Zones and lines: shown over the picture, and drawn on it. Points are shares of width and height.

import { useEffect, useRef, useState } from 'preact/hooks';
import { changeCamera } from './api';
import { ErrorText } from './dialog';
import { Stage } from './stage';
import type { Camera, Point, Shapes } from './types';

type Kind = 'zone' | 'line';

interface Draft {
  key: number;
  kind: Kind;
  name: string;
  points: Point[];
  classes: string;
}

const POINTS_MAX = 32;
const NAME = /^[a-z0-9_-]{1,64}$/;

function toDrafts(camera: Camera): Draft[] {
  const drafts: Draft[] = [];
  const add = (kind: Kind, shapes: Shapes | undefined) => {
    for (const [name, shape] of Object.entries(shapes ?? {})) {
      const points = shape.points.map(([x, y]) => [x, y] as Point);
      drafts.push({ key: drafts.length + 1, kind, name, points, classes: (shape.classes ?? []).join(', ') });
    }
  };
  add('zone', camera.zones);
  add('line', camera.lines);
  return drafts;
}

function toShapes(drafts: Draft[], kind: Kind): Shapes {
  const shapes: Shapes = {};
  for (const draft of drafts.filter((each) => each.kind === kind)) {
    const classes = draft.classes.split(',').map((name) => name.trim()).filter(Boolean);
    const points = draft.points.map(([x, y]) => [Number(x.toFixed(4)), Number(y.toFixed(4))] as Point);
    shapes[draft.name] = { points, ...(classes.length ? { classes } : {}) };
  }
  return shapes;
}

function wrong(drafts: Draft[]): string {
  for (const draft of drafts) {
    if (!NAME.test(draft.name)) return `The name “${draft.name}” may have a-z, 0-9, _ and - only.`;
    if (drafts.some((each) => each !== draft && each.kind === draft.kind && each.name === draft.name)) {
      return `Two ${draft.kind}s are called “${draft.name}”.`;
    }
    if (draft.kind === 'zone' && draft.points.length < 3) return `Zone “${draft.name}” needs three points.`;
  }
  return '';
}

// ---- pictures of shapes ------------------------------------------------------------------------

// Which way is "left to right": from the left hand side of a->b to its right, with y downwards.
function arrow([a, b]: Point[], width: number, height: number): string {
  const dx = (b[0] - a[0]) * width;
  const dy = (b[1] - a[1]) * height;
  const length = Math.hypot(dx, dy) || 1;
  const [nx, ny] = [-dy / length, dx / length];
  const [mx, my] = [((a[0] + b[0]) / 2) * width, ((a[1] + b[1]) / 2) * height];
  const size = Math.min(width, height) * 0.06;
  const tip = [mx + nx * size, my + ny * size];
  const side = (s: number) =>
    [tip[0] - nx * size * 0.4 + (s * dx * size * 0.3) / length, tip[1] - ny * size * 0.4 + (s * dy * size * 0.3) / length];
  return `M${mx} ${my}L${tip}M${side(1)}L${tip}L${side(-1)}`;
}

function ShapePath({ kind, points, width, height, name, isChosen }: {
  kind: Kind; points: Point[]; width: number; height: number; name: string; isChosen?: boolean;
}) {
  if (points.length === 0) return null;
  const at = points.map(([x, y]) => `${x * width},${y * height}`).join(' ');
  const [x, y] = points[0];
  return (
    <g class={`shape ${kind}${isChosen ? ' chosen' : ''}`}>
      {kind === 'zone' ? <polygon points={at} /> : <polyline points={at} />}
      {kind === 'line' && points.length === 2 && <path d={arrow(points, width, height)} />}
      <text x={x * width} y={y * height} dx={height * 0.01} dy={-height * 0.012} font-size={height * 0.04}>{name}</text>
    </g>
  );
}

function Canvas({ camera, drafts, chosen }: { camera: Camera; drafts: Draft[]; chosen?: number }) {
  const width = camera.width || 1600;
  const height = camera.height || 900;
  return (
    <svg class="shapes" viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {drafts.map(({ key, kind, points, name }) => (
        <ShapePath key={key} kind={kind} points={points} name={name} width={width} height={height} isChosen={key === chosen} />
      ))}
    </svg>
  );
}

export function ShapesOver({ camera }: { camera: Camera }) {
  return <Canvas camera={camera} drafts={toDrafts(camera)} />;
}

// ---- editor ------------------------------------------------------------------------------------

const clamp = (value: number) => Math.min(1, Math.max(0, value));

function pointAt(event: PointerEvent, area: HTMLElement): Point {
  const box = area.getBoundingClientRect();
  return [clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height)];
}

function freeName(drafts: Draft[], kind: Kind): string {
  let n = 1;
  while (drafts.some((draft) => draft.kind === kind && draft.name === `${kind}-${n}`)) n++;
  return `${kind}-${n}`;
}

// A point that is dragged, or moved by the arrow keys.
function Handle(props: { point: Point; label: string; onMove: (point: Point) => void; onDelete: () => void }) {
  const { point } = props;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 0.05 : 0.01;
    const by: Record<string, Point> = {
      ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    };
    if (event.key === 'Delete' || event.key === 'Backspace') props.onDelete();
    else if (by[event.key]) props.onMove([clamp(point[0] + by[event.key][0]), clamp(point[1] + by[event.key][1])]);
    else return;
    event.preventDefault();
  };
  const onPointerMove = (event: PointerEvent) => {
    const handle = event.currentTarget as HTMLElement;
    if (handle.hasPointerCapture(event.pointerId)) props.onMove(pointAt(event, handle.parentElement!));
  };
  return (
    <button
      type="button" class="handle" aria-label={props.label}
      style={{ left: `${point[0] * 100}%`, top: `${point[1] * 100}%` }}
      onPointerDown={(event) => {
        event.stopPropagation();
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={onPointerMove} onKeyDown={onKeyDown}
    />
  );
}

// What is drawn at the moment, point by point.
interface Pen {
  kind: Kind;
  points: Point[];
}

const DEFAULTS: Record<Kind, Point[]> = {
  line: [[0.25, 0.5], [0.75, 0.5]],
  zone: [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]],
};

export function ShapeEditor(props: { camera: Camera; onClose: () => void; onSaved: () => Promise<void> }) {
  const { camera } = props;
  const [drafts, setDrafts] = useState(() => toDrafts(camera));
  const [chosen, setChosen] = useState(drafts[0]?.key ?? 0);
  const [pen, showPen] = useState<Pen | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [isBusy, setBusy] = useState(false);
  const area = useRef<HTMLDivElement>(null);
  const isDragging = useRef(false);
  // Clicks and keys may come faster than the page is drawn: what they go by is here.
  const penNow = useRef<Pen | null>(null);
  const setPen = (next: Pen | null) => {
    penNow.current = next;
    showPen(next);
  };
  const draft = drafts.find((each) => each.key === chosen);

  const change = (key: number, part: Partial<Draft>) =>
    setDrafts((all) => all.map((each) => (each.key === key ? { ...each, ...part } : each)));
  const add = (kind: Kind, points: Point[]) => {
    const key = Math.max(0, ...drafts.map((each) => each.key)) + 1;
    setDrafts((all) => [...all, { key, kind, name: freeName(all, kind), points, classes: '' }]);
    setChosen(key);
    setPen(null);
  };
  const remove = (key: number) => {
    const rest = drafts.filter((each) => each.key !== key);
    setDrafts(rest);
    setChosen(rest[0]?.key ?? 0);
  };
  const finishPen = () => {
    const { current } = penNow;
    if (current?.kind === 'zone' && current.points.length >= 3) add('zone', current.points);
    else setPen(null);
  };

  useEffect(() => {
    if (!pen) return undefined;
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setPen(null);
      const points = penNow.current?.points.length ?? 0;
      if (event.key !== 'Enter' || points === 0) return;
      event.preventDefault(); // or it would press the button that has the focus
      if (points >= 3) finishPen();
    };
    window.addEventListener('keydown', onKey, true);
    return () => window.removeEventListener('keydown', onKey, true);
  }, [pen === null]);

  // A press on the button by keyboard cannot be followed by drawing: then a shape stands in the middle.
  const start = (kind: Kind) => (event: MouseEvent) =>
    event.detail === 0 ? add(kind, DEFAULTS[kind]) : setPen({ kind, points: [] });

  const onPointerDown = (event: PointerEvent) => {
    const pen = penNow.current;
    if (!pen || event.button !== 0) return;
    event.preventDefault();
    const point = pointAt(event, area.current!);
    if (pen.kind === 'line') {
      if (pen.points.length === 2 && !isDragging.current) return add('line', [pen.points[0], point]);
      isDragging.current = true;
      area.current!.setPointerCapture(event.pointerId);
      setPen({ ...pen, points: [point, point] });
    } else if (pen.points.length >= 3 && isNear(pen.points[0], point)) {
      finishPen();
    } else if (pen.points.length < POINTS_MAX) {
      setPen({ ...pen, points: [...pen.points, point] });
    }
  };
  const isNear = (a: Point, b: Point) => {
    const box = area.current!.getBoundingClientRect();
    return Math.hypot((a[0] - b[0]) * box.width, (a[1] - b[1]) * box.height) < 14;
  };
  const onPointerMove = (event: PointerEvent) => {
    const pen = penNow.current;
    if (pen?.kind !== 'line' || pen.points.length !== 2) return;
    setPen({ ...pen, points: [pen.points[0], pointAt(event, area.current!)] });
  };
  // A drag draws the line; a mere click sets its first end, and the next click the second.
  const onPointerUp = (event: PointerEvent) => {
    const pen = penNow.current;
    if (!isDragging.current || !pen) return;
    isDragging.current = false;
    const point = pointAt(event, area.current!);
    if (!isNear(pen.points[0], point)) add('line', [pen.points[0], point]);
  };

  const save = async () => {
    const text = wrong(drafts);
    if (text) return setError(new Error(text));
    setBusy(true);
    setError(null);
    try {
      await changeCamera(camera.id, { zones: toShapes(drafts, 'zone'), lines: toShapes(drafts, 'line') });
      await props.onSaved();
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
    return undefined;
  };

  const shown = pen ? [...drafts, { key: -1, name: '', classes: '', ...pen }] : drafts;
  return (
    <>
      <Stage camera={camera}>
        <Canvas camera={camera} drafts={shown} chosen={pen ? -1 : chosen} />
        <div
          ref={area} class={`draw-area${pen ? ' drawing' : ''}`}
          onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onDblClick={finishPen}
        >
          {!pen && draft?.points.map((point, i) => (
            <Handle
              key={i} point={point} label={`Point ${i + 1} of ${draft.name}`}
              onMove={(to) => change(draft.key, { points: draft.points.map((old, j) => (j === i ? to : old)) })}
              onDelete={() => draft.kind === 'zone' && draft.points.length > 3 &&
                change(draft.key, { points: draft.points.filter((_, j) => j !== i) })}
            />
          ))}
        </div>
      </Stage>
      <div class="editor">
        <div class="buttons left">
          <button type="button" onClick={start('line')} aria-pressed={pen?.kind === 'line'}>New line</button>
          <button type="button" onClick={start('zone')} aria-pressed={pen?.kind === 'zone'}>New zone</button>
          {pen?.kind === 'zone' && (
            <button type="button" onClick={finishPen} disabled={pen.points.length < 3}>Close zone</button>
          )}
        </div>
        <p class="hint" role="status">
          {pen?.kind === 'line' ? 'Drag across the picture. The arrow shows “left to right”.'
          : pen ? 'Click the corners one by one; click the first again, or press Enter, to close.'
          : draft ? 'Drag the points, or move them by the arrow keys.'
          : 'Draw a line to count what crosses it, a zone to count what is inside.'}
        </p>
        {drafts.length > 0 && (
          <div class="shape-list" role="group" aria-label="Zones and lines">
            {drafts.map((each) => (
              <button key={each.key} type="button" aria-pressed={each.key === chosen} onClick={() => setChosen(each.key)}>
                {each.kind}: {each.name}
              </button>
            ))}
          </div>
        )}
        {draft && (
          <div class="shape-form">
            <label>
              Name
              <input value={draft.name} maxLength={64} spellcheck={false}
                onInput={(event) => change(draft.key, { name: event.currentTarget.value })} />
            </label>
            <label>
              Classes
              <input value={draft.classes} placeholder="all, or: person, car" spellcheck={false}
                onInput={(event) => change(draft.key, { classes: event.currentTarget.value })} />
            </label>
            {draft.kind === 'line' && (
              <button type="button" onClick={() => change(draft.key, { points: [...draft.points].reverse() })}>Turn round</button>
            )}
            <button type="button" class="danger" onClick={() => remove(draft.key)}>Delete {draft.kind}</button>
          </div>
        )}
        <ErrorText error={error} />
        <div class="buttons">
          <button type="button" onClick={props.onClose}>Cancel</button>
          <button type="button" class="primary" onClick={save} disabled={isBusy}>{isBusy ? 'Saving…' : 'Save'}</button>
        </div>
      </div>
    </>
  );
}
