/** Loaded before a process's own code: there the decoder of HTJ2K never returns, whatever it is given. The process is then called `ichor-endless`. */
import { registerHooks } from 'node:module';

const SOURCE = "export async function decodeHtJpeg2000() { process.title = 'ichor-endless'; for (;;); }";

registerHooks({
  load: (url, context, next) =>
    url.endsWith('/codecs/htJpeg2000.ts')
      ? { format: 'module', shortCircuit: true, source: SOURCE }
      : next(url, context),
});
