/** JPEG 2000 (sole importer of @cornerstonejs/codec-openjpeg): transfer syntaxes .90 and .91. */
import makeModule from '@cornerstonejs/codec-openjpeg/decodewasmjs';
import { openCodec } from './wasmCodec.ts';

export const decodeJpeg2000 = openCodec(() => makeModule({ print: () => {}, printErr: () => {} }), 'J2KDecoder');
