/** `node --import loadedLibraries.mjs …` writes the names of all libraries that the process loaded to the file LOADED_LIBRARIES, when it ends. */
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

const loaded = new Set();
registerHooks({
  load(url, context, next) {
    const library = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
    if (library !== undefined) loaded.add(library);
    return next(url, context);
  },
});
process.on('exit', () => writeFileSync(process.env.LOADED_LIBRARIES, JSON.stringify([...loaded].sort())));
