/** What a process that decodes may use up. */
import type { Slice } from '../types.ts';

/** One frame of a Part 10 file, as its header says that it is. */
export type ShapedFrame = Pick<Slice, 'reference' | 'frameNumber' | 'rows' | 'columns' | 'frames'>;

/** With this a process that decodes ends itself when a slice has used up its computing time. Not SIGXCPU, whose core file would hold pixels. */
export const OUT_OF_TIME = 'SIGVTALRM';

export const WHY_OUT_OF_TIME = 'decoding it takes more computing time than ICHOR_SLICE_DECODE_TIMEOUT_MS allows';

/** Pages of 64 KiB of each WebAssembly memory, 1 GiB: a forged codestream may ask for any amount. For `execArgv`. */
export const MEMORY_LIMIT = '--wasm-max-mem-pages=16384';

/** No CT has more pixels in a frame; a header that says so must not make anybody allocate or wait for it. */
export const MOST_PIXELS = 4096 ** 2;
const USUAL_PIXELS = 1024 ** 2;

/** Computing time of a frame: up to 1024 × 1024 the configured one, for a larger frame in proportion more. */
export function timeoutFor({ rows, columns }: Pick<ShapedFrame, 'rows' | 'columns'>, timeoutMs: number): number {
  return Math.round((timeoutMs * Math.min(MOST_PIXELS, Math.max(USUAL_PIXELS, rows * columns))) / USUAL_PIXELS);
}
