/**
 * The heat map as a picture (sole importer of sharp): the slice in the brain window, the region that drove the score laid over
 * it, and around it what the reader needs to know. The map has 8 × 8 cells: it is drawn as a soft region, never as a contour.
 */
import sharp from 'sharp';
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
  /** E.g. "Subdural hemorrhage 98.2 %". */
  readonly findings: readonly string[];
  /** E.g. "Slice 14 of 35, z 61.0 mm". */
  readonly place: string;
  readonly model: string;
};
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
  const base = await grey(input, rows, columns);
  const heat = await smoothMap(input, rows, columns);
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
  const plain = await grey(input, rows, columns);
  const { rgb, rows: height, columns: width } = await drawHeatmap(input);
  return {
    slice: await sharp(plain, { raw: { width: columns, height: rows, channels: 1 } })
      .jpeg(JPEG)
      .toBuffer(),
    heatmap: await sharp(rgb, { raw: { width, height, channels: 3 } })
      .resize(columns, rows)
      .jpeg(JPEG)
      .toBuffer(),
  };
}
const JPEG = { quality: 85, mozjpeg: true };

/** How much larger than the source the picture is: a whole factor, so that pixel spacing stays exact. */
export const magnification = ({ rows, columns }: Pick<HeatmapInput, 'rows' | 'columns'>): number =>
  Math.max(1, Math.ceil(512 / Math.min(rows, columns)));

const shownSize = (input: HeatmapInput) => ({
  rows: input.rows * magnification(input),
  columns: input.columns * magnification(input),
});

async function grey({ hu, rows, columns }: HeatmapInput, height: number, width: number): Promise<Buffer> {
  return resized(windowed(hu, WINDOW.low, WINDOW.high), rows, columns, height, width);
}

/** 0 to 255. */
function windowed(hu: Int16Array, low: number, high: number): Buffer {
  const bytes = Buffer.allocUnsafe(hu.length);
  for (let index = 0; index < hu.length; index++)
    bytes[index] = Math.round((Math.min(high, Math.max(low, hu[index]!)) - low) * (255 / (high - low)));
  return bytes;
}

async function smoothMap({ map, mapRows, mapColumns }: HeatmapInput, height: number, width: number): Promise<Buffer> {
  const most = Math.max(...map) || 1;
  const bytes = Buffer.from(Uint8Array.from(map, (value) => Math.round((value / most) * 255)));
  return resized(bytes, mapRows, mapColumns, height, width);
}

async function resized(bytes: Buffer, rows: number, columns: number, height: number, width: number): Promise<Buffer> {
  return sharp(bytes, { raw: { width: columns, height: rows, channels: 1 } })
    .resize(width, height, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
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

/** Texts and colour bar as SVG; letters are paths, so no font is needed. */
function overlay({ findings, place, model }: HeatmapInput, height: number, width: number): string {
  const unit = Math.min(width, height) / 512;
  const [margin, line] = [10 * unit, 17 * unit];
  const top = findings
    .slice(0, 6)
    .map((finding, index) =>
      write(finding, margin, margin + 11 * unit + index * line, 11 * unit, index === 0 ? '#ffd60a' : '#ffffff'),
    );
  const warning = 'NOT FOR DIAGNOSTIC USE';
  const bottom = [
    write(warning, (width - textWidth(warning, 12 * unit)) / 2, height - margin - 34 * unit, 12 * unit, '#ff6b6b'),
    write(place, margin, height - margin - 17 * unit, 8 * unit, '#dddddd'),
    write(`${model} - RESEARCH ONLY`, margin, height - margin, 8 * unit, '#dddddd'),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${colourBar(width, height, unit)}${[...top, ...bottom].join('')}</svg>`;
}

function colourBar(width: number, height: number, unit: number): string {
  const [x, y, w, h] = [width - 24 * unit, height * 0.3, 10 * unit, height * 0.4];
  const stops = COLOURS.map(
    ([r, g, b], index) => `<stop offset="${index / (COLOURS.length - 1)}" stop-color="rgb(${r},${g},${b})"/>`,
  ).join('');
  const labels = [
    write('HIGH', x - 22 * unit, y - 6 * unit, 7 * unit, '#ffffff'),
    write('LOW', x - 14 * unit, y + h + 13 * unit, 7 * unit, '#ffffff'),
  ].join('');
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

/** PNG of an RGB picture, `sidePixels` along the shorter side when given. */
export async function rgbPng({ rgb, rows, columns }: RgbImage, sidePixels?: number): Promise<Buffer> {
  const picture = sharp(rgb, { raw: { width: columns, height: rows, channels: 3 } });
  return (sidePixels === undefined ? picture : picture.resize(sidePixels, sidePixels, { fit: 'cover' }))
    .png()
    .toBuffer();
}
