import { spawnSync } from 'node:child_process';
import { expect, test } from '@jest/globals';
import { requirePython } from '../../../test/support/python.ts';
import { KEYWORDS } from './keywords.ts';

/** pydicom carries the data dictionary of PS3.6. */
const DICTIONARY = `
import json, sys
from pydicom.datadict import dictionary_VR, tag_for_keyword
print(json.dumps({k: [tag_for_keyword(k), dictionary_VR(tag_for_keyword(k)).split(' or ')[0]] for k in json.load(sys.stdin)}))
`;

test('every keyword has the tag and the value representation of PS3.6', () => {
  const input = JSON.stringify(Object.keys(KEYWORDS));
  const { stdout, stderr } = spawnSync(requirePython(), ['-c', DICTIONARY], { input, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(KEYWORDS).toEqual(JSON.parse(stdout));
});
