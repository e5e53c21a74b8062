/** Presentation contexts that we propose, and those that the peer accepted (PS3.8 §9.3.2.2). */
import { type AcceptedAssociation, association, type Client, requests } from './library.ts';

/** SOP Class and transfer syntax. */
export type ContextKey = `${string} ${string}`;

/** The library wants a request before it connects: C-ECHO, which also proposes Verification. */
export function propose(client: Client, contexts: readonly ContextKey[]): void {
  client.addRequest(new requests.CEchoRequest());
  for (const context of contexts) {
    const [sopClassUid, transferSyntaxUid] = context.split(' ') as [string, string];
    client.addAdditionalPresentationContext(
      new association.PresentationContext(1, sopClassUid, transferSyntaxUid),
      true,
    );
  }
}

export function acceptedContexts(accepted: AcceptedAssociation): Set<ContextKey> {
  const contexts = accepted.getPresentationContexts().map(({ context }) => context);
  return new Set(
    contexts
      .filter((context) => context.getResult() === 0)
      .map((context): ContextKey => `${context.getAbstractSyntaxUid()} ${context.getAcceptedTransferSyntaxUid()}`),
  );
}
