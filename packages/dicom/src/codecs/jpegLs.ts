/** JPEG-LS (sole importer of @cornerstonejs/codec-charls): transfer syntaxes .80 and .81. */
import makeModule from '@cornerstonejs/codec-charls/decodewasmjs';
import { openCodec } from './wasmCodec.ts';

export const decodeJpegLs = openCodec(() => makeModule({ print: () => {}, printErr: () => {} }), 'JpegLSDecoder');
