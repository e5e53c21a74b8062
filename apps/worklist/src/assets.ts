/**
 * What a browser loads. Our own browser code is TypeScript; its types are stripped when the process starts, and the few
 * libraries come from `node_modules` as they are, with the names of modules turned into paths (no build step, no inline script).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Asset = { readonly type: string; readonly text: string };

const PAGE = join(dirname(fileURLToPath(import.meta.url)), '..', 'page');
/** Module names as browser code writes them, and the file of the package that is served for each. */
const LIBRARIES: Readonly<Record<string, string>> = {
  preact: 'preact/dist/preact.mjs',
  'preact/hooks': 'preact/hooks/dist/hooks.mjs',
  htm: 'htm/dist/htm.mjs',
  'htm/preact': 'htm/preact/index.mjs',
};
const pathOf = (library: string): string => `/assets/lib/${library.replace('/', '-')}.js`;

/** Path below the origin → what it answers. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(PAGE)) {
    const text = readFileSync(join(PAGE, name), 'utf8');
    if (name.endsWith('.svg')) assets.set(`/assets/${name}`, { type: 'image/svg+xml', text });
    if (name.endsWith('.css')) assets.set(`/assets/${name}`, { type: 'text/css', text });
    if (name.endsWith('.ts'))
      assets.set(`/assets/${name}`, { type: 'text/javascript', text: withPaths(stripTypeScriptTypes(text)) });
  }
  const require = createRequire(import.meta.url);
  const packages = join(dirname(require.resolve('preact/package.json')), '..');
  for (const [library, file] of Object.entries(LIBRARIES))
    assets.set(pathOf(library), {
      type: 'text/javascript',
      text: withPaths(readFileSync(join(packages, file), 'utf8')),
    });
  return assets;
}

/** `from "preact"` → `from "/assets/lib/preact.js"`. */
function withPaths(text: string): string {
  return text.replace(
    /\b(from|import)\s*(["'])(preact\/hooks|preact|htm\/preact|htm)\2/g,
    (_all, word, _quote, name) => {
      return `${word} "${pathOf(name)}"`;
    },
  );
}

/** The one HTML document; which page it shows follows from its address. */
export function shellOf(assets: ReadonlyMap<string, Asset>): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ichor worklist</title><link rel="icon" href="/assets/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/assets/page.css"><script src="/assets/theme.ts"></script>
${modulesOf(assets).join('')}<script type="module" src="/assets/main.ts"></script></head>
<body><div class="notice" role="note"><strong>Not for diagnostic use.</strong> Ichor is not a medical device. The absence of a flag is not a negative read.</div>
<div id="app"><noscript><main><h1>Ichor worklist</h1><p>This page needs JavaScript. The list without it: <a href="/api/studies">/api/studies</a>.</p></main></noscript></div></body></html>
`;
}

/** All at once, not one after the other as each names the next. */
const modulesOf = (assets: ReadonlyMap<string, Asset>): string[] =>
  [...assets]
    .filter(([path, { type }]) => type === 'text/javascript' && path !== '/assets/theme.ts')
    .map(([path]) => `<link rel="modulepreload" href="${path}">`);
