import { Writable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { createLog, EVENTS } from './log.ts';

/** A log at the chattiest level, and the lines it wrote. */
function logInto(lines: string[]) {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return createLog({ logLevel: 'trace' }, 'receiver', stream);
}

test('every event is one line of JSON with its name, its role and its fields', () => {
  const lines: string[] = [];
  const log = logInto(lines);
  for (const name of Object.keys(EVENTS)) log.event(name as keyof typeof EVENTS, { sopInstanceUid: '1.2.3' });
  expect(lines.map((line) => JSON.parse(line).event)).toEqual(Object.keys(EVENTS));
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ role: 'receiver', sopInstanceUid: '1.2.3' });
});

test('patient data that is passed by mistake does not reach the log', () => {
  const lines: string[] = [];
  const patient = { patientName: 'Doe^Jane', patientId: 'MRN-77', patientBirthDate: '19700101' };
  const log = logInto(lines);
  log.event('instance.stored', patient);
  log.event('instance.stored', { instance: { ...patient, header: patient }, header: patient, identity: patient });
  expect(lines).toHaveLength(2);
  expect(lines.join('')).not.toMatch(/Doe|MRN-77|19700101/);
});

test('no line holds what a terminal obeys, and each stays the same JSON', () => {
  const lines: string[] = [];
  const callingAeTitle = '\u001b[31m\u009b2J\u007f';
  logInto(lines).event('association.rejected', { callingAeTitle });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal obeys
  expect(lines[0]!.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(JSON.parse(lines[0]!)).toMatchObject({ callingAeTitle });
});
