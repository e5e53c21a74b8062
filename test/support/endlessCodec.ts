/** A decoder that never returns, in the processes that this one starts from now on. */
import { join } from 'node:path';

/** What is coded so is never decoded there. */
export const ENDLESS_TRANSFER_SYNTAX = '1.2.840.10008.1.2.4.201';
/** For Node's command line, or NODE_OPTIONS. */
export const ENDLESS_CODEC = `--import=${join(import.meta.dirname, 'endlessCodec.mjs')}`;

/** @returns processes that are started later decode as usual */
export function useEndlessCodec(): () => void {
  process.execArgv.push(ENDLESS_CODEC);
  return () => void process.execArgv.splice(process.execArgv.indexOf(ENDLESS_CODEC), 1);
}
