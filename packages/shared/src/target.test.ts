import { expect, test } from '@jest/globals';
import { FINDING_CLASSES, type Findings } from './study.ts';
import {
  classNames,
  decidingFirst,
  decision,
  findingOf,
  HEMORRHAGE,
  presenceOf,
  presentKinds,
  type Target,
  targetOf,
} from './target.ts';

const model = { name: 'test', version: '1', sha256: 'ab' };
const [spot, large] = [HEMORRHAGE.classes[0]!, HEMORRHAGE.classes[1]!];
const SPOTS: Target = {
  name: 'spots',
  general: 'spot',
  code: 'SPOT',
  decides: 'large',
  classes: [
    { ...spot, name: 'spot' },
    { ...large, name: 'large' },
  ],
};
const found = (present: Readonly<Record<string, boolean>>): Findings =>
  Object.fromEntries(
    Object.entries(present).map(([name, one]) => [name, { score: 0.5, threshold: 0.5, present: one }]),
  );

test('a model that says nothing looks for the six classes that labels are of, in their order', () => {
  expect(classNames(targetOf(model))).toEqual([...FINDING_CLASSES]);
  expect(targetOf(null)).toBe(HEMORRHAGE);
  expect(targetOf({ ...model, target: SPOTS })).toBe(SPOTS);
});

test('the class that decides is told first, the others in the order of the target', () => {
  expect(decidingFirst(SPOTS).map(({ name }) => name)).toEqual(['large', 'spot']);
  expect(decidingFirst(HEMORRHAGE).map(({ name }) => name)).toEqual(['any', ...FINDING_CLASSES.slice(0, 5)]);
  expect(classNames(SPOTS)).toEqual(['spot', 'large']);
});

test.each([
  [true, true, 'present', ['spot']],
  [false, true, 'undetermined', []],
  [false, false, 'absent', []],
] as const)('a kind that is %s where what decides is %s is %s', (kind, deciding, presence, kinds) => {
  const findings = found({ spot: kind, large: deciding });
  expect(presenceOf(SPOTS, findings, 'spot')).toBe(presence);
  expect(decision(SPOTS, findings).present).toBe(deciding);
  expect(presentKinds(SPOTS, findings).map(({ name }) => name)).toEqual(kinds);
});

test('findings of another target are never read as absent', () => {
  expect(() => decision(HEMORRHAGE, found({ spot: true, large: true }))).toThrow(
    'there is no finding any among spot, large',
  );
  expect(() => findingOf(found({ spot: true }), 'large')).toThrow();
});
