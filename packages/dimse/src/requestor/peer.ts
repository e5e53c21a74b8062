/** Who is asked, and who asks. */
import type { Destination } from '@ichor/settings/aeTitles';
import type { Config } from '@ichor/settings/config';

export type Peer = Pick<Destination, 'aeTitle' | 'host' | 'port' | 'tls'>;
/** What an association needs of the configuration. */
export type Caller = {
  readonly callingAeTitle: string;
  readonly tls: Config['tls'];
  /** For each answer; a PACS may take long to store one instance, but not for ever. */
  readonly timeoutMs?: number;
};
