/** An archive that leaves out of its answers what the standard requires: its association ends, and nothing else does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SOP_CLASS, STORAGE_COMMITMENT_INSTANCE } from '@ichor/dicom/sopClasses';
import { requestCommitment } from '@ichor/dimse/requestor/commitment';
import { readInstanceFile } from '@ichor/dimse/requestor/instanceFile';
import { storeInstances } from '@ichor/dimse/requestor/storeInstances';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { part10Of } from '../fuzz/corpus/instances.ts';
import { type HostilePacs, soundly, startHostilePacs } from '../fuzz/dimse/hostilePacs.ts';
import { bytesOf } from '../fuzz/dimse/wire.ts';
import { plainCt } from '../support/rawDataset.ts';
import { CT, commandElements, commandSet, EXPLICIT } from '../support/rawPeer.ts';
import { openWorkFolder, type WorkFolder } from '../support/workFolder.ts';

let folder: WorkFolder;
let pacs: HostilePacs;
beforeAll(async () => {
  [folder, pacs] = [await openWorkFolder('hostile-pacs'), await startHostilePacs()];
});
afterAll(async () => {
  await pacs.close();
  await folder.remove();
});

const STATUS = 0x0900;
const MESSAGE_ID_RESPONDED_TO = 0x0120;
/** Answers in which an element of group 0000 has another number, so that it is missed. */
const without =
  (element: number): typeof soundly =>
  (pdu) => {
    const bytes = soundly(pdu);
    const at = bytes.indexOf(Buffer.from([0, 0, element & 0xff, element >> 8, 2, 0, 0, 0]));
    if (at >= 0) bytes.writeUInt16LE(element + 1, at + 2);
    return bytes;
  };

const peer = () => ({ aeTitle: 'PACS', host: '127.0.0.1', port: pacs.port, tls: false });
const caller = { callingAeTitle: 'ICHOR', tls: null, timeoutMs: 1_000 };
async function instanceFile() {
  const identity = { study: '1.2.3', series: '1.2.3.4', instance: '1.2.3.4.5', sopClass: CT };
  const path = join(folder.path, 'ct.dcm');
  const instance = { name: 'ct', sopClassUid: CT, sopInstanceUid: identity.instance, transferSyntaxUid: EXPLICIT };
  await writeFile(path, part10Of({ ...instance, dataset: plainCt(identity) }));
  return readInstanceFile(path);
}

test.each([
  ['Status', STATUS],
  ['Message ID Being Responded To', MESSAGE_ID_RESPONDED_TO],
])('an answer to C-STORE without %s is no answer, and the instance is sent again', async (_name, element) => {
  pacs.prepare(without(element));
  const [outcome] = await storeInstances(peer(), caller, [await instanceFile()]);
  expect(outcome!.error).toMatchObject({ code: 'ASSOCIATION_LOST', retryable: true });
});

const STATUS_HEADER = Buffer.from([0, 0, 0, 9, 2, 0, 0, 0]);
/** Answers to messages in which Status (0000,0900), header and value, and all that follows are replaced. */
const withStatus =
  (replace: (status: Buffer, rest: Buffer) => readonly Buffer[]): typeof soundly =>
  (pdu) => {
    const [whole] = Array.isArray(pdu.content) ? pdu.content : [];
    const at = whole?.value.indexOf(STATUS_HEADER) ?? -1;
    if (whole === undefined || at < 0) return soundly(pdu);
    const [before, status] = [whole.value.subarray(0, at), whole.value.subarray(at, at + STATUS_HEADER.length + 2)];
    const value = Buffer.concat([before, ...replace(status, whole.value.subarray(at + status.length))]);
    return soundly({ ...pdu, content: [{ ...whole, value }] });
  };
/** Status that says it has so many bytes, and has them. */
const statusOfBytes = (count: number) =>
  withStatus((_status, rest) => [Buffer.from([0, 0, 0, 9, count, 0, 0, 0]), Buffer.alloc(count), rest]);

const REFUSED = Buffer.from([0, 0, 0, 9, 2, 0, 0, 0, 0x00, 0xa7]);

const DATA = 4;
/** Only answers to messages, each byte of the command a fragment. @param isCommand of which kind a fragment says that it is */
const inPieces =
  (isCommand: (index: number) => boolean): typeof soundly =>
  (pdu) => {
    const [whole] = Array.isArray(pdu.content) ? pdu.content : [];
    if (pdu.type !== DATA || whole === undefined) return soundly(pdu);
    const { contextId, value } = whole;
    const pieces = [...value].map((byte, index) => ({
      contextId,
      isCommand: isCommand(index),
      isLast: index === value.length - 1,
      value: Buffer.from([byte]),
    }));
    return soundly({ ...pdu, content: pieces });
  };

test.each([
  ['an empty Status', statusOfBytes(0)],
  ['a Status of one byte', statusOfBytes(1)],
  ['a Status of four bytes', statusOfBytes(4)],
  ['two Status elements, a refusal and a Success', withStatus((status, rest) => [REFUSED, status, rest])],
  ['an end in the middle of its Status', withStatus((status) => [status.subarray(0, -1)])],
])('an answer to C-STORE with %s is no answer', async (_name, write) => {
  pacs.prepare(write);
  const [outcome] = await storeInstances(peer(), caller, [await instanceFile()]);
  expect(outcome!.error).toMatchObject({ code: 'ASSOCIATION_LOST', retryable: true });
});

test('an answer in fragments of one byte is read', async () => {
  pacs.prepare(inPieces(() => true));
  const [outcome] = await storeInstances(peer(), caller, [await instanceFile()]);
  expect(outcome!.error).toBeNull();
});

test.each([
  ['begins', (index: number) => index > 0],
  ['is interrupted', (index: number) => index !== 40],
])('an answer that %s with a fragment of a dataset is no answer', async (_name, isCommand) => {
  pacs.prepare(inPieces(isCommand));
  const [outcome] = await storeInstances(peer(), caller, [await instanceFile()]);
  expect(outcome!.error).toMatchObject({ code: 'ASSOCIATION_LOST', retryable: true });
});

const N_ACTION_RESPONSE = 0x8130;
/** The answer to a commitment request and the report, sent at once as two PDUs; the command of the report is in both of them. */
const reportAcrossPdus: typeof soundly = (pdu) => {
  const [answer] = Array.isArray(pdu.content) ? pdu.content : [];
  if (answer === undefined || commandElements(answer.value).get(0x0100)?.readUInt16LE() !== N_ACTION_RESPONSE)
    return soundly(pdu);
  const { storageCommitmentPush } = SOP_CLASS;
  const command = commandSet({
    2: storageCommitmentPush,
    256: 0x0100,
    272: 7,
    2048: 0,
    4096: STORAGE_COMMITMENT_INSTANCE,
    4098: 1,
  });
  const transactionUid = Buffer.from([8, 0, 0x95, 0x11, 6, 0, 0, 0, ...Buffer.from('1.2.3\0')]);
  const part = (value: Buffer, isCommand: boolean, isLast: boolean) => ({ ...answer, value, isCommand, isLast });
  return bytesOf([
    { ...pdu, content: [answer, part(command.subarray(0, 30), true, false)] },
    { ...pdu, content: [part(command.subarray(30), true, true), part(transactionUid, false, true)] },
  ]);
};

test('fragments of a report keep their order, whatever else is in their PDUs', async () => {
  pacs.prepare(reportAcrossPdus);
  const request = { transactionUid: '1.2.3', instances: [await instanceFile()] };
  const reported: string[] = [];
  const answer = await requestCommitment(peer(), caller, request, async ({ transactionUid }) => {
    reported.push(transactionUid);
  });
  expect([answer, reported]).toEqual([{ kind: 'accepted' }, ['1.2.3']]);
});

test('an answer to a commitment request without a status is no acceptance', async () => {
  pacs.prepare(without(STATUS));
  const request = { transactionUid: '1.2.3', instances: [await instanceFile()] };
  const answer = await requestCommitment(peer(), caller, request, async () => {});
  expect(answer).toEqual({ kind: 'refused', status: 0xffff });
});

test('an archive that answers soundly gets the instance', async () => {
  pacs.prepare(soundly);
  const [outcome] = await storeInstances(peer(), caller, [await instanceFile()]);
  expect(outcome!.error).toBeNull();
});
