/** JPEG Lossless, process 14 with any predictor (sole importer here of dcmjs-codecs): transfer syntaxes .57 and .70. */
import { createRequire } from 'node:module';

type Frame = { getDecodedBuffer(): Uint8Array };
type Codecs = {
  readonly Context: new (attributes: object) => unknown;
  readonly NativeCodecs: { initializeAsync(): Promise<void>; decodeJpeg(context: unknown, parameters: object): Frame };
};
export type SampleFormat = { readonly rows: number; readonly columns: number; readonly bitsAllocated: number };

let codecs: Promise<Codecs> | null = null;

async function load(): Promise<Codecs> {
  const loaded = createRequire(import.meta.url)('dcmjs-codecs') as Codecs;
  await loaded.NativeCodecs.initializeAsync();
  return loaded;
}

/** @returns bytes, little endian. @throws Error for a broken codestream */
export async function decodeJpegLossless(
  frame: Uint8Array,
  { rows, columns, bitsAllocated }: SampleFormat,
): Promise<Uint8Array> {
  const loaded = codecs ?? load();
  const { Context, NativeCodecs } = await loaded;
  // As in `openCodec`: another one after a broken codestream.
  codecs = null;
  const context = new Context({
    width: columns,
    height: rows,
    bitsAllocated,
    bitsStored: bitsAllocated,
    samplesPerPixel: 1,
    pixelRepresentation: 0,
    planarConfiguration: 0,
    photometricInterpretation: 'MONOCHROME2',
    encodedBuffer: frame,
  });
  const decoded = new Uint8Array(NativeCodecs.decodeJpeg(context, {}).getDecodedBuffer());
  codecs = loaded;
  return decoded;
}
