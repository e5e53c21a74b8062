/** High-Throughput JPEG 2000 (sole importer of @cornerstonejs/codec-openjph): transfer syntaxes .201 to .203. */
import makeModule from '@cornerstonejs/codec-openjph';
import { openCodec } from './wasmCodec.ts';

export const decodeHtJpeg2000 = openCodec(() => makeModule({ print: () => {}, printErr: () => {} }), 'HTJ2KDecoder');
