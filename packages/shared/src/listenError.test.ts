import { expect, test } from '@jest/globals';
import { listenError } from './listenError.ts';

const where = { bind: '0.0.0.0', port: 104, variable: 'ICHOR_DICOM_PORT' };
test.each([
  ['EADDRINUSE', 'PORT_IN_USE', /104 on 0\.0\.0\.0 is taken.*ICHOR_DICOM_PORT/],
  ['EACCES', 'ADDRESS_UNUSABLE', /0\.0\.0\.0:104: this user may not open a port that low.*ICHOR_DICOM_PORT/],
  ['EADDRNOTAVAIL', 'ADDRESS_UNUSABLE', /listen EADDRNOTAVAIL.*ICHOR_BIND or ICHOR_DICOM_PORT/],
])('%s is %s and names the setting', (code, expected, message) => {
  const error = listenError(Object.assign(new Error(`listen ${code}`), { code }), where);
  expect(error).toMatchObject({ code: expected, message: expect.stringMatching(message) });
});
