/** Valid conversations of a scanner, made of the corpus; every message is answered when it is sent as it is. */
import {
  associateRequest,
  CT_CONTEXT,
  commandSet,
  ECHO_CONTEXT,
  echoCommand,
  type RawContext,
  releaseRequest,
  storeCommand,
} from '../../support/rawPeer.ts';
import { type CorpusInstance, CT } from '../corpus/instances.ts';
import { elementBytes } from '../mutate/elements.ts';
import type { WirePdu, WirePdv } from './wire.ts';

export type Conversation = {
  readonly name: string;
  /** In what the first instance is written, for the table. */
  readonly transferSyntaxUid: string;
  /** @param instances replacements of the own ones, in their order */
  pdus(instances?: readonly CorpusInstance[]): readonly WirePdu[];
  readonly instances: readonly CorpusInstance[];
};

const STORAGE_COMMITMENT_PUSH = '1.2.840.10008.1.20.1';
const COMMITMENT_INSTANCE = '1.2.840.10008.1.20.1.1';
const EXPLICIT = '1.2.840.10008.1.2.1';
const PDV_BYTES = 16_000;

export function conversationsOf(images: readonly CorpusInstance[], others: readonly CorpusInstance[]): Conversation[] {
  return [
    ...[...images, ...others].map((instance) => storing(instance.name, [instance])),
    storing('several instances', [...images.slice(0, 6), ...others.slice(0, 2)]),
    commitment(),
    manyContexts(),
  ];
}

/** One echo, then the instances, each in a context of its own; the message ids tell them apart. */
function storing(name: string, instances: readonly CorpusInstance[]): Conversation {
  const contexts: RawContext[] = instances.map(({ sopClassUid, transferSyntaxUid }, index) => ({
    id: 2 * index + 5,
    abstractSyntax: sopClassUid,
    transferSyntaxes: [transferSyntaxUid],
  }));
  return {
    name,
    instances,
    transferSyntaxUid: instances[0]!.transferSyntaxUid,
    pdus: (given = instances) => [
      whole(associateRequest({ contexts: [ECHO_CONTEXT, ...contexts] })),
      ...message(3, echoCommand(1)),
      ...given.flatMap(({ sopClassUid, sopInstanceUid, dataset }, index) =>
        message(2 * index + 5, storeCommand(sopInstanceUid, { messageId: index + 2, sopClassUid }), dataset),
      ),
      whole(releaseRequest()),
    ],
  };
}

/** A storage commitment report (PS3.4 §J.3.3) that nobody asked for. */
function commitment(): Conversation {
  const uid = (tag: number, text: string): Buffer =>
    elementBytes('explicit', tag, 'UI', Buffer.from(text.length % 2 ? `${text}\0` : text));
  const reference = Buffer.concat([uid(0x00081150, CT), uid(0x00081155, '1.2.3.4')]);
  const item = elementBytes('explicit', 0xfffee000, '', reference);
  const dataset = Buffer.concat([uid(0x00081195, '1.2.3.4.5.6'), elementBytes('explicit', 0x00081199, 'SQ', item)]);
  const command = commandSet({
    2: STORAGE_COMMITMENT_PUSH,
    256: 0x0100,
    272: 1,
    2048: 0,
    4096: COMMITMENT_INSTANCE,
    4098: 1,
  });
  return {
    name: 'commitment report',
    instances: [],
    transferSyntaxUid: '',
    pdus: () => [
      whole(
        associateRequest({
          contexts: [{ id: 1, abstractSyntax: STORAGE_COMMITMENT_PUSH, transferSyntaxes: [EXPLICIT] }],
          roles: [{ sopClassUid: STORAGE_COMMITMENT_PUSH, scu: 0, scp: 1 }],
        }),
      ),
      ...message(1, command, dataset),
      whole(releaseRequest()),
    ],
  };
}

function manyContexts(): Conversation {
  const contexts = Array.from({ length: 128 }, (_, index) => ({
    id: 255 - 2 * index,
    abstractSyntax: index % 2 === 0 ? CT : `1.2.840.10008.5.1.4.1.1.${index}`,
    transferSyntaxes: [EXPLICIT, '1.2.840.10008.1.2', `1.2.3.${index}`],
  }));
  return {
    name: '128 contexts',
    instances: [],
    transferSyntaxUid: '',
    pdus: () => [
      whole(associateRequest({ contexts: [...contexts.slice(2), ECHO_CONTEXT, CT_CONTEXT] })),
      whole(releaseRequest()),
    ],
  };
}

const whole = (pdu: Buffer): WirePdu => ({ type: pdu[0]!, content: pdu.subarray(6) });

function message(contextId: number, command: Buffer, dataset?: Buffer): WirePdu[] {
  const pdvs: WirePdv[] = [{ contextId, isCommand: true, isLast: true, value: command }];
  for (let at = 0; dataset !== undefined && at < dataset.length; at += PDV_BYTES) {
    const isLast = at + PDV_BYTES >= dataset.length;
    pdvs.push({ contextId, isCommand: false, isLast, value: dataset.subarray(at, at + PDV_BYTES) });
  }
  return pdvs.map((one) => ({ type: 4, content: [one] }));
}
