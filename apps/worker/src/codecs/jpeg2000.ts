/** JPEG 2000 (sole importer of @cornerstonejs/codec-openjpeg): transfer syntaxes .90 and .91. */
import makeModule from '@cornerstonejs/codec-openjpeg/decodewasmjs';
import { type DecoderModule, decodeWith } from './wasmCodec.ts';

let module: Promise<DecoderModule<'J2KDecoder'>> | null = null;

export async function decodeJpeg2000(frame: Uint8Array): Promise<Uint8Array> {
  module ??= makeModule({ print: () => {}, printErr: () => {} });
  const { J2KDecoder } = await module;
  return decodeWith(() => new J2KDecoder(), frame);
}
