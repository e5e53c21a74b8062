/** High-Throughput JPEG 2000 (sole importer of @cornerstonejs/codec-openjph): transfer syntaxes .201 to .203. */
import makeModule from '@cornerstonejs/codec-openjph';
import { type DecoderModule, decodeWith } from './wasmCodec.ts';

let module: Promise<DecoderModule<'HTJ2KDecoder'>> | null = null;

export async function decodeHtJpeg2000(frame: Uint8Array): Promise<Uint8Array> {
  module ??= makeModule({ print: () => {}, printErr: () => {} });
  const { HTJ2KDecoder } = await module;
  return decodeWith(() => new HTJ2KDecoder(), frame);
}
