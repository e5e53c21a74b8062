/** JSON that is none, is another shape than expected, is deep, long, or names what objects inherit. */
import type { Dice } from '../dice.ts';
import { HOSTILE_TEXTS } from '../mutate/hostileText.ts';

const SHAPES = [
  '[]',
  '1',
  '"x"',
  'null',
  'true',
  '{}',
  '[[]]',
  '',
  ' ',
  '{',
  '"',
  '-',
  '1e999',
  '\ufeff{}',
  '{"a":1}x',
  '{"__proto__":{"a":1}}',
  '{"constructor":{"prototype":{}}}',
  '[null]',
  'undefined',
  'NaN',
];

export function hostileJson(dice: Dice, sound: string): string {
  if (dice.chance(0.4)) return dice.pick(SHAPES);
  if (dice.chance(0.1)) return `${'['.repeat(dice.few(20_000))}${']'.repeat(dice.few(20_000))}`;
  return JSON.stringify(changed(dice, parsed(sound)));
}

function parsed(sound: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(sound));
  } catch {
    return {};
  }
}

function changed(dice: Dice, object: Record<string, unknown>): Record<string, unknown> {
  const names = [...Object.keys(object), 'finding', 'verdict', 'comment', 'id', 'kind', 'destination', '__proto__'];
  const out = { ...object };
  for (let times = dice.few(4); times > 0; times--)
    Object.defineProperty(out, dice.pick(names), {
      value: value(dice, 3),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return out;
}

function value(dice: Dice, depth: number): unknown {
  const leaf = [
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    2 ** 31,
    '',
    'any',
    'agree',
    dice.pick(HOSTILE_TEXTS),
    'x'.repeat(dice.few(5_000)),
  ];
  if (depth === 0 || dice.chance(0.6)) return dice.pick(leaf);
  return dice.chance(0.5)
    ? [value(dice, depth - 1)]
    : { [dice.pick(['a', '__proto__', 'finding'])]: value(dice, depth - 1) };
}
