/** C-ECHO (PS3.4 Annex A, PS3.7 §9.1.5). */
import { IchorError } from '@ichor/shared/errors';
import { associate } from './associate.ts';
import { requests } from './library.ts';
import type { Caller, Peer } from './peer.ts';

/** C-ECHO. @throws IchorError DESTINATION_UNREACHABLE, ASSOCIATION_REJECTED, ASSOCIATION_LOST, STORE_REFUSED */
export async function echo(peer: Peer, caller: Caller): Promise<void> {
  let status = -1;
  await associate(peer, caller, [], {
    requestsFor() {
      const request = new requests.CEchoRequest();
      request.on('response', (response) => (status = response.getStatus()));
      return [request];
    },
  });
  if (status !== 0)
    throw new IchorError('ASSOCIATION_LOST', { destination: peer.aeTitle, reason: 'no answer to C-ECHO' });
}
