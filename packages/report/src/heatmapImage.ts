/**
 * The heat map as a picture (sole importer of sharp): the slice in the brain window, the region that drove the score laid over
 * it, and in the corners what the reader needs to know. The map has few cells (16 × 16): it is drawn as a soft region, never as a contour.
 * Every step, with its numbers: docs/conformance.md §3.1.
 */
import sharp from 'sharp';
import { enlarge } from './enlarge.ts';
import { textPath, textWidth } from './strokeFont.ts';

export type HeatmapInput = {
  /** int16 [rows, columns], Hounsfield units, stored orientation. */
  readonly hu: Int16Array;
  readonly rows: number;
  readonly columns: number;
  /** [mapRows, mapColumns], ≥ 0, unscaled. */
  readonly map: Float32Array;
  readonly mapRows: number;
  readonly mapColumns: number;
  /** E.g. "Subdural 98.2 %"; the first one is what the map shows. */
  readonly findings: readonly string[];
  /** E.g. "Slice 14 of 35, z 61.0 mm". */
  readonly place: string;
  /** E.g. "ichor-slim-resnext 0.3.0". */
  readonly model: string;
};
type HeatmapCells = Pick<HeatmapInput, 'map' | 'mapRows' | 'mapColumns'>;
export type RgbImage = { readonly rgb: Buffer; readonly rows: number; readonly columns: number };

const WINDOW = { low: 0, high: 80 };
/** Below this share of the map's maximum nothing is laid over the image. */
const VISIBLE_FROM = 0.35;
const STRONGEST = 0.6;
/** Yellow to red. */
const COLOURS: readonly (readonly [number, number, number])[] = [
  [255, 214, 10],
  [255, 140, 0],
  [230, 20, 20],
];

/** RGB [rows, columns, 3] with the source's matrix, at least 512 across when it is smaller. */
export async function drawHeatmap(input: HeatmapInput): Promise<RgbImage> {
  const { rows, columns } = shownSize(input);
  const base = grey(input, rows, columns);
  const heat = smoothMap(input, rows, columns);
  const blended = Buffer.alloc(rows * columns * 3);
  for (let index = 0; index < rows * columns; index++) blend(blended, index, base[index]!, heat[index]!);
  const rgb = await sharp(blended, { raw: { width: columns, height: rows, channels: 3 } })
    .composite([{ input: Buffer.from(overlay(input, rows, columns)) }])
    .removeAlpha()
    .raw()
    .toBuffer();
  return { rgb, rows, columns };
}

/** JPEG, square pixels as stored, `sidePixels` along the shorter side: the slice in the brain window, and with its heat map. */
export async function drawForPage(
  input: HeatmapInput,
  sidePixels: number,
): Promise<{ readonly slice: Buffer; readonly heatmap: Buffer }> {
  const scale = sidePixels / Math.min(input.rows, input.columns);
  const [rows, columns] = [Math.round(input.rows * scale), Math.round(input.columns * scale)];
  const plain = windowed(input.hu, WINDOW.low, WINDOW.high);
  const { rgb, rows: height, columns: width } = await drawHeatmap(input);
  return {
    slice: await sharp(plain, { raw: { width: input.columns, height: input.rows, channels: 1 } })
      .resize(columns, rows, { fit: 'fill' })
      .jpeg(JPEG)
      .toBuffer(),
    heatmap: await sharp(rgb, { raw: { width, height, channels: 3 } })
      .resize(columns, rows, { fit: 'fill' })
      .jpeg(JPEG)
      .toBuffer(),
  };
}
const JPEG = { quality: 85, mozjpeg: true };

/** How much larger than the source the picture is: a whole factor, so that pixel spacing stays exact. */
export const magnification = ({ rows, columns }: Pick<HeatmapInput, 'rows' | 'columns'>): number =>
  Math.max(1, Math.ceil(512 / Math.min(rows, columns)));

const shownSize = (input: Pick<HeatmapInput, 'rows' | 'columns'>) => ({
  rows: input.rows * magnification(input),
  columns: input.columns * magnification(input),
});

/** 0 to 255, [height, width]. */
function grey({ hu, rows, columns }: HeatmapInput, height: number, width: number): Uint8ClampedArray | Buffer {
  const bytes = windowed(hu, WINDOW.low, WINDOW.high);
  if (rows === height && columns === width) return bytes;
  return Uint8ClampedArray.from(enlarge(bytes, rows, columns, height, width));
}

/** 0 to 255. */
function windowed(hu: Int16Array, low: number, high: number): Buffer {
  const bytes = Buffer.allocUnsafe(hu.length);
  for (let index = 0; index < hu.length; index++)
    bytes[index] = Math.round((Math.min(high, Math.max(low, hu[index]!)) - low) * (255 / (high - low)));
  return bytes;
}

/** 0 to 255 of the map's maximum, [height, width]. */
function smoothMap({ map, mapRows, mapColumns }: HeatmapCells, height: number, width: number): Uint8ClampedArray {
  const scale = 255 / (Math.max(...map) || 1);
  const heat = enlarge(map, mapRows, mapColumns, height, width);
  return Uint8ClampedArray.from(heat, (value) => value * scale);
}

/** Colour and opacity of every value that the map can have, 0 to 255. */
const TINTS = Array.from({ length: 256 }, (_, heat) => {
  const strength = (heat / 255 - VISIBLE_FROM) / (1 - VISIBLE_FROM);
  const opacity = strength <= 0 ? 0 : STRONGEST * Math.min(1, strength * 1.6);
  return { opacity, colour: colourOf(Math.max(0, strength)) };
});

function blend(out: Buffer, index: number, base: number, heat: number): void {
  const { opacity, colour } = TINTS[heat]!;
  for (let channel = 0; channel < 3; channel++)
    out[index * 3 + channel] = Math.round(base * (1 - opacity) + colour[channel]! * opacity);
}

function colourOf(strength: number): [number, number, number] {
  const place = Math.min(0.9999, strength) * (COLOURS.length - 1);
  const [from, to, share] = [COLOURS[Math.floor(place)]!, COLOURS[Math.floor(place) + 1]!, place % 1];
  return [0, 1, 2].map((channel) => from[channel]! + (to[channel]! - from[channel]!) * share) as [
    number,
    number,
    number,
  ];
}

/** Texts and colour bar as SVG, in the corners and along the right edge; letters are paths, so no font is needed. */
function overlay({ findings, place, model }: HeatmapInput, height: number, width: number): string {
  const unit = Math.min(width, height) / 512;
  const margin = 10 * unit;
  const atRight = (text: string, y: number): string =>
    write(text, width - margin - textWidth(text, 8 * unit), y, 8 * unit, '#dddddd');
  const warning = 'NOT FOR DIAGNOSTIC USE';
  const texts = [
    ...findings.slice(0, 7).map((finding, index) => findingLine(finding, index, unit)),
    atRight('ICHOR - RESEARCH ONLY', 20 * unit),
    write(place, margin, height - 29 * unit, 8 * unit, '#dddddd'),
    atRight(model, height - 29 * unit),
    write(warning, (width - textWidth(warning, 11 * unit)) / 2, height - margin, 11 * unit, '#ff6b6b'),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${colourBar(width, height, unit)}${texts.join('')}</svg>`;
}

/** The class that the map shows stands first, larger and in the map's own colour. */
function findingLine(finding: string, index: number, unit: number): string {
  if (index === 0) return write(`MAP: ${finding}`, 10 * unit, 20 * unit, 10 * unit, '#ffd60a');
  return write(finding, 10 * unit, (23 + index * 14) * unit, 8 * unit, '#ffffff');
}

/** Over the whole range in which a tint is laid: from the weakest that is shown to the map's maximum. */
function colourBar(width: number, height: number, unit: number): string {
  const [x, y, w, h] = [width - 22 * unit, height * 0.3, 10 * unit, height * 0.4];
  const stops = COLOURS.map(
    ([r, g, b], index) => `<stop offset="${index / (COLOURS.length - 1)}" stop-color="rgb(${r},${g},${b})"/>`,
  ).join('');
  const label = (text: string, baseline: number): string =>
    write(text, width - 10 * unit - textWidth(text, 7 * unit), baseline, 7 * unit, '#ffffff');
  const labels = label('MAX', y - 6 * unit) + label(`${VISIBLE_FROM * 100} %`, y + h + 13 * unit);
  return `<defs><linearGradient id="heat" x1="0" y1="1" x2="0" y2="0">${stops}</linearGradient></defs><rect x="${x}" y="${y}" width="${w}" height="${h}" fill="url(#heat)" stroke="#ffffff" stroke-width="${unit}"/>${labels}`;
}

/** A dark edge keeps the letters readable on bone. */
function write(text: string, x: number, y: number, height: number, colour: string): string {
  const path = textPath(text, x, y, height);
  const stroke = (width: number, paint: string): string =>
    `<path d="${path}" fill="none" stroke="${paint}" stroke-width="${width.toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"/>`;
  return stroke(height * 0.42, '#000000') + stroke(height * 0.15, colour);
}

/** PNG, 8-bit grey, of a slice in a window. @param window centre and width in Hounsfield units (PS3.3 C.11.2.1.2) */
export async function slicePng(
  { hu, rows, columns }: Pick<HeatmapInput, 'hu' | 'rows' | 'columns'>,
  window: { readonly centre: number; readonly width: number },
): Promise<Buffer> {
  const low = window.centre - window.width / 2;
  return sharp(windowed(hu, low, low + window.width), { raw: { width: columns, height: rows, channels: 1 } })
    .png({ compressionLevel: 6 })
    .toBuffer();
}

/**
 * PNG with alpha: the tints alone, in the matrix of the secondary capture. Laid over the slice in the brain window it gives that
 * picture without its texts.
 */
export async function layerPng(input: HeatmapCells & Pick<HeatmapInput, 'rows' | 'columns'>): Promise<Buffer> {
  const { rows, columns } = shownSize(input);
  const rgba = Buffer.alloc(rows * columns * 4);
  for (const [index, heat] of smoothMap(input, rows, columns).entries()) {
    const { opacity, colour } = TINTS[heat]!;
    if (opacity > 0) rgba.set([...colour.map(Math.round), Math.round(opacity * 255)], index * 4);
  }
  return sharp(rgba, { raw: { width: columns, height: rows, channels: 4 } })
    .png({ compressionLevel: 6 })
    .toBuffer();
}

/** PNG of an RGB picture, `sidePixels` along the shorter side when given. */
export async function rgbPng({ rgb, rows, columns }: RgbImage, sidePixels?: number): Promise<Buffer> {
  const picture = sharp(rgb, { raw: { width: columns, height: rows, channels: 3 } });
  return (sidePixels === undefined ? picture : picture.resize(sidePixels, sidePixels, { fit: 'cover' }))
    .png()
    .toBuffer();
}
