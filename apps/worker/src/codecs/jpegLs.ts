/** JPEG-LS (sole importer of @cornerstonejs/codec-charls): transfer syntaxes .80 and .81. */
import makeModule from '@cornerstonejs/codec-charls/decodewasmjs';
import { type DecoderModule, decodeWith } from './wasmCodec.ts';

let module: Promise<DecoderModule<'JpegLSDecoder'>> | null = null;

export async function decodeJpegLs(frame: Uint8Array): Promise<Uint8Array> {
  module ??= makeModule({ print: () => {}, printErr: () => {} });
  const { JpegLSDecoder } = await module;
  return decodeWith(() => new JpegLSDecoder(), frame);
}
