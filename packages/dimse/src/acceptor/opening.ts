/** A-ASSOCIATE-RQ → an established association, or an A-ASSOCIATE-RJ. */
import type { AssociateRequest } from './associateRequest.ts';
import type { State } from './associationState.ts';
import { reject, watch } from './ending.ts';
import { CONTEXT_RESULT, decideContexts, rejectionOf } from './negotiate.ts';
import { shortWindowMs } from './progress.ts';
import { endIfTooSlow } from './slowness.ts';

let lastId = 0;

export function associate(state: State, request: AssociateRequest): void {
  const { config, events, openAssociations } = state.context;
  const { remoteAddress } = state.peer;
  state.peer = { remoteAddress, callingAeTitle: request.callingAeTitle };
  const rejection = rejectionOf(
    {
      ...request,
      remoteAddress,
      openAssociations: state.finishing ? Number.POSITIVE_INFINITY : openAssociations(),
      openFromAddress: openAssociations(remoteAddress),
    },
    config,
  );
  if (rejection !== null) {
    reject(state, rejection);
    return;
  }
  const contexts = decideContexts(request);
  state.contexts = new Map(
    contexts.filter(({ result }) => result === CONTEXT_RESULT.accepted).map((context) => [context.id, context]),
  );
  state.info = { id: ++lastId, callingAeTitle: request.callingAeTitle, remoteAddress };
  state.phase = 'established';
  state.since = performance.now();
  watch(state);
  state.progressTimer = setInterval(() => endIfTooSlow(state), shortWindowMs(config.idleTimeoutMs) / 5);
  events.accepted(state.info);
  state.wire.accept(request, contexts);
}
