import { readConfig } from '@ichor/settings/config';
import { SETTINGS } from '@ichor/settings/settings';
import { expect, test } from '@jest/globals';
import { maskSecrets, settingRows } from './settings.ts';

test.each([
  ['postgres://ichor:secret@db:5432/ichor', 'postgres://ichor:***@db:5432/ichor'],
  ['postgres://ichor:p@ss:w@rd@db/ichor', 'postgres://ichor:***@db/ichor'],
  ['redis://:secret@queue:6379', 'redis://:***@queue:6379'],
  ['rediss://user:secret@queue', 'rediss://user:***@queue'],
  ['postgres://db/ichor?user=ichor&password=secret&x=1', 'postgres://db/ichor?user=ichor&password=***&x=1'],
  ['postgres://ichor@db:5432/ichor', 'postgres://ichor@db:5432/ichor'],
  ['redis://127.0.0.1:6379', 'redis://127.0.0.1:6379'],
  ['HOSPPACS@pacs:4242', 'HOSPPACS@pacs:4242'],
])('%s is shown as %s', (given, shown) => {
  expect(maskSecrets(given)).toBe(shown);
});

test('every setting has a row, with its value and where it comes from', () => {
  const env = { ICHOR_DATABASE_URL: 'postgres://a:hunter2@b/c', ICHOR_OIDC_CLIENT_SECRET: 'hunter2' };
  const rows = settingRows(readConfig({ ICHOR_DICOM_PORT: 'nonsense', ...env }).given);
  expect(rows.map(([name]) => name)).toEqual(Object.keys(SETTINGS));
  expect(rows).toContainEqual(['ICHOR_DICOM_PORT', 'nonsense', 'set', SETTINGS['ICHOR_DICOM_PORT']?.about]);
  expect(rows).toContainEqual(['ICHOR_AE_TITLE', 'ICHOR', 'default', SETTINGS['ICHOR_AE_TITLE']?.about]);
  expect(JSON.stringify(rows)).not.toContain('hunter2');
});

test('a setting from a file is shown with the line that gives it, and a path as it is used', () => {
  const rows = settingRows({
    ICHOR_DICOM_PORT: { text: '104', place: '/etc/ichor.yaml:3' },
    ICHOR_DATA_DIR: { text: '/srv/../srv/ichor', place: null },
  });
  expect(rows.find(([name]) => name === 'ICHOR_DICOM_PORT')?.slice(1, 3)).toEqual(['104', '/etc/ichor.yaml:3']);
  expect(rows.find(([name]) => name === 'ICHOR_DATA_DIR')?.slice(1, 3)).toEqual(['/srv/ichor', 'set']);
  expect(rows.find(([name]) => name === 'ICHOR_QUEUE_URL')?.slice(1, 3)).toEqual(['(the database)', 'default']);
});
