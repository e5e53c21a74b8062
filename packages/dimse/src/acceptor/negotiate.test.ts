import { APPLICATION_CONTEXT, isStorage, SOP_CLASS } from '@ichor/dicom/sopClasses';
import { TRANSFER_SYNTAXES } from '@ichor/dicom/transferSyntaxes';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AssociateRequest } from './associateRequest.ts';
import { decideContexts, REJECTIONS, rejectionOf } from './negotiate.ts';

const CT = '1.2.840.10008.5.1.4.1.1.2';
const EXPLICIT = '1.2.840.10008.1.2.1';
const IMPLICIT = '1.2.840.10008.1.2';
const request = (proposal: Partial<AssociateRequest>): AssociateRequest => ({
  protocolVersion: 1,
  calledAeTitle: 'ICHOR',
  callingAeTitle: 'CT1',
  applicationContext: APPLICATION_CONTEXT,
  contexts: [],
  roles: [],
  maxPduLength: 16_384,
  ...proposal,
});
const decide = (abstractSyntaxUid: string, ...transferSyntaxUids: string[]) =>
  decideContexts(request({ contexts: [{ id: 1, abstractSyntaxUid, transferSyntaxUids }] }))[0]!;

describe('presentation contexts', () => {
  const uid = fc.constantFrom(...TRANSFER_SYNTAXES.map((one) => one.uid), '1.2.840.10008.1.2.4.50', '1.2.3', '');
  const abstractSyntax = fc.constantFrom(
    CT,
    SOP_CLASS.verification,
    SOP_CLASS.storageCommitmentPush,
    '1.2.840.10008.5.1.4.1.2.2.1',
    '',
  );
  const context = fc.record({ id: fc.nat(255), abstractSyntaxUid: abstractSyntax, transferSyntaxUids: fc.array(uid) });

  test('every proposed context is decided once, in order, and an accepted syntax was proposed and can be decoded', () => {
    fc.assert(
      fc.property(fc.array(context), (contexts) => {
        const decided = decideContexts(request({ contexts }));
        expect(decided.map(({ id }) => id)).toEqual(contexts.map(({ id }) => id));
        for (const [index, { result, transferSyntaxUid }] of decided.entries()) {
          expect(result === 0).toBe(transferSyntaxUid !== null);
          if (transferSyntaxUid === null) continue;
          expect(contexts[index]!.transferSyntaxUids).toContain(transferSyntaxUid);
          expect(TRANSFER_SYNTAXES.map((one) => one.uid)).toContain(transferSyntaxUid);
        }
      }),
    );
  });

  test('a storage context is refused only when nothing that was proposed can be decoded', () => {
    fc.assert(
      fc.property(fc.array(uid), (proposed) => {
        const decodable = proposed.some((one) => TRANSFER_SYNTAXES.some((known) => known.uid === one));
        expect(decide(CT, ...proposed).result).toBe(decodable ? 0 : 4);
      }),
    );
  });

  test.each([
    ['CT Image', CT],
    ['Enhanced CT Image', '1.2.840.10008.5.1.4.1.1.2.1'],
    ['Comprehensive 3D SR', '1.2.840.10008.5.1.4.1.1.88.34'],
    ['Secondary Capture', '1.2.840.10008.5.1.4.1.1.7'],
    ['X-Ray Radiation Dose SR', '1.2.840.10008.5.1.4.1.1.88.67'],
    ['Grayscale Softcopy Presentation State', '1.2.840.10008.5.1.4.1.1.11.1'],
    ['Encapsulated PDF', '1.2.840.10008.5.1.4.1.1.104.1'],
    ['CT Defined Procedure Protocol', '1.2.840.10008.5.1.4.1.1.200.1'],
  ])('%s storage is accepted', (_name, sopClassUid) => {
    expect(decide(sopClassUid, EXPLICIT)).toMatchObject({ result: 0, transferSyntaxUid: EXPLICIT });
  });

  test.each(['1.2.840.10008.5.1.4.1.1.200.4', '1.2.840.10008.5.1.4.1.1.201.2', '1.2.840.10008.5.1.4.1.2.2.1'])(
    'query service %s is no storage',
    (sopClassUid) => {
      expect(isStorage(sopClassUid)).toBe(false);
      expect(decide(sopClassUid, EXPLICIT).result).toBe(3);
    },
  );

  test('Verification and storage commitment are uncompressed only', () => {
    expect(decide(SOP_CLASS.verification, '1.2.840.10008.1.2.4.70', IMPLICIT).transferSyntaxUid).toBe(IMPLICIT);
    expect(decide(SOP_CLASS.storageCommitmentPush, '1.2.840.10008.1.2.4.70').result).toBe(4);
  });

  test('a PACS may be the SCP of storage commitment, and nobody the SCP of storage', () => {
    const contexts = [SOP_CLASS.storageCommitmentPush, CT].map((abstractSyntaxUid, index) => ({
      id: 2 * index + 1,
      abstractSyntaxUid,
      transferSyntaxUids: [EXPLICIT],
    }));
    const roles = contexts.map(({ abstractSyntaxUid }) => ({ sopClassUid: abstractSyntaxUid, scu: true, scp: true }));
    expect(decideContexts(request({ contexts, roles })).map(({ role }) => role)).toEqual([
      { scu: false, scp: true },
      { scu: true, scp: false },
    ]);
    expect(decideContexts(request({ contexts })).map(({ role }) => role)).toEqual([null, null]);
  });
});

describe('associations', () => {
  const rules = { aeTitle: 'ICHOR', callers: [], maxAssociations: 3, maxAssociationsPerAddress: 2 };
  const proposal = { ...request({}), remoteAddress: '10.0.0.7', openAssociations: 2, openFromAddress: 1 };
  const callers = [
    { aeTitle: 'CT1', address: '10.0.0.7' },
    { aeTitle: 'CT2', address: null },
  ];

  test('an ordinary one goes on', () => {
    expect(rejectionOf(proposal, rules)).toBeNull();
  });

  test.each([
    ['another called AE title', { calledAeTitle: 'OTHER' }, REJECTIONS.calledAeTitle],
    ['another application context', { applicationContext: '1.2.3' }, REJECTIONS.applicationContext],
    ['a protocol version without bit 0', { protocolVersion: 2 }, REJECTIONS.protocolVersion],
    ['a maximum PDU length into which nothing fits', { maxPduLength: 7 }, REJECTIONS.maxPduLength],
    ['one too many', { openAssociations: 3 }, REJECTIONS.localLimit],
    ['one too many from its address', { openFromAddress: 2 }, REJECTIONS.addressLimit],
  ])('%s is rejected', (_name, change, rejection) => {
    expect(rejectionOf({ ...proposal, ...change }, rules)).toEqual(rejection);
  });

  test.each([
    ['a listed caller at its address', {}, null],
    ['a listed caller at its address as IPv6 writes it', { remoteAddress: '::ffff:10.0.0.7' }, null],
    ['a listed caller at another address', { remoteAddress: '10.0.0.8' }, REJECTIONS.callingAeTitle],
    ['a caller listed without address', { callingAeTitle: 'CT2', remoteAddress: '10.9.9.9' }, null],
    ['a caller that is not listed', { callingAeTitle: 'CT3' }, REJECTIONS.callingAeTitle],
  ])('%s', (_name, change, expected) => {
    expect(rejectionOf({ ...proposal, ...change }, { ...rules, callers })).toEqual(expected);
  });
});
