/** What is known of one association while it runs. Its life is described in association.ts. */
import type { Socket } from 'node:net';
import type { Config } from '@ichor/settings/config';
import type { AssociationEvents, AssociationInfo, Peer } from './associationEvents.ts';
import { type Framer, makeFramer, type Pdv } from './framing.ts';
import type { MemoryBudget, MemoryBuffer } from './memory.ts';
import { type MessageReader, makeMessageReader } from './messages.ts';
import type { DecidedContext } from './negotiate.ts';
import type { OperationParts } from './operations.ts';
import { openWire, type Wire } from './scp.ts';

export type AssociationContext = {
  readonly config: Pick<
    Config,
    | 'aeTitle'
    | 'callers'
    | 'maxAssociations'
    | 'maxAssociationsPerAddress'
    | 'maxInstanceBytes'
    | 'minBytesPerSecond'
    | 'artimMs'
    | 'idleTimeoutMs'
  >;
  readonly memory: MemoryBudget;
  readonly events: AssociationEvents;
  /** Established associations: all, or those of one address. */
  readonly openAssociations: (remoteAddress?: string) => number;
};

export type State = {
  readonly socket: Socket;
  readonly context: AssociationContext;
  readonly wire: Wire;
  readonly framer: Framer;
  readonly reader: MessageReader;
  readonly buffer: MemoryBuffer;
  /** The PDU under way. */
  pdvs: Iterator<Pdv, void> | null;
  isWorking: boolean;
  phase: 'awaiting' | 'established' | 'closing';
  peer: Peer;
  info: AssociationInfo | null;
  contexts: ReadonlyMap<number, DecidedContext>;
  /** Requests whose response is not sent yet. */
  pending: number;
  releaseRequested: boolean;
  finishing: boolean;
  /** Begin of the phase, or the last complete PDU. */
  since: number;
  timer: NodeJS.Timeout | undefined;
  progressTimer: NodeJS.Timeout | undefined;
};

/** @param onRoom called when reading may go on */
export const newState = (socket: Socket, context: AssociationContext, onRoom: () => void): State => ({
  socket,
  context,
  wire: openWire(socket),
  framer: makeFramer(),
  reader: makeMessageReader({ ...context.config, memory: context.memory, onRoom }),
  buffer: context.memory.openBuffer(),
  pdvs: null,
  isWorking: false,
  phase: 'awaiting',
  peer: { remoteAddress: socket.remoteAddress ?? '', callingAeTitle: null },
  info: null,
  contexts: new Map(),
  pending: 0,
  releaseRequested: false,
  finishing: false,
  since: performance.now(),
  timer: undefined,
  progressTimer: undefined,
});

export const partsOf = (state: State): OperationParts => ({
  events: state.context.events,
  association: state.info!,
  contexts: state.contexts,
  respond(...response) {
    if (state.phase === 'established' && state.socket.writable) state.wire.respond(...response);
  },
});
