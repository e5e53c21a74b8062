/** OpenID Connect: settings that stand together. */
import { anyText, parsed, url } from '../readers.ts';
import type { SettingTable, Texts, ValuesOf } from '../setting.ts';
import { isLoopback, parseOidcRoles, type Role } from '../signInSettings.ts';

export const OIDC = {
  issuer: {
    name: 'ICHOR_OIDC_ISSUER',
    reader: url('https', 'http'),
    default: null,
    about: 'OpenID Connect provider: its issuer URL',
  },
  clientId: {
    name: 'ICHOR_OIDC_CLIENT_ID',
    reader: anyText,
    default: null,
    about: 'client ID of Ichor at the provider',
  },
  clientSecret: {
    name: 'ICHOR_OIDC_CLIENT_SECRET',
    reader: anyText,
    default: null,
    secret: true,
    about: 'client secret of Ichor at the provider',
  },
  scope: { name: 'ICHOR_OIDC_SCOPE', reader: anyText, default: 'openid profile email', about: 'scopes asked for' },
  roleClaim: {
    name: 'ICHOR_OIDC_ROLE_CLAIM',
    reader: anyText,
    default: 'groups',
    about: 'claim of the ID token that names groups',
  },
  roles: {
    name: 'ICHOR_OIDC_ROLES',
    reader: parsed('group=role,…', parseOidcRoles),
    default: '',
    about: 'roles of groups: viewer, radiologist or administrator',
  },
} satisfies SettingTable;

/** OpenID Connect; `roles` maps groups of `roleClaim` to roles. */
export type OidcSettings = {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
  readonly roleClaim: string;
  readonly roles: ReadonlyMap<string, Role>;
};

/** Null: there is no single sign-on. */
export function oidcOf({ issuer, clientId, clientSecret, ...others }: ValuesOf<typeof OIDC>): OidcSettings | null {
  if (issuer === null || clientId === null || clientSecret === null) return null;
  return { issuer, clientId, clientSecret, ...others };
}

const OWN = ['ICHOR_OIDC_CLIENT_ID', 'ICHOR_OIDC_CLIENT_SECRET', 'ICHOR_OIDC_ROLES'];

export function oidcProblems(texts: Texts): string[] {
  const issuer = texts['ICHOR_OIDC_ISSUER'];
  if (!issuer) {
    const stray = OWN.filter((name) => texts[name]);
    return stray.length > 0 ? [`${stray.join(', ')}: set ICHOR_OIDC_ISSUER too`] : [];
  }
  const needed = [...OWN, 'ICHOR_PUBLIC_URL'];
  const problems = needed.filter((name) => !texts[name]).map((name) => `ICHOR_OIDC_ISSUER needs ${name}`);
  const address = URL.parse(issuer);
  if (address !== null && address.protocol === 'http:' && !isLoopback(address.hostname))
    problems.push('ICHOR_OIDC_ISSUER must be https, or a provider on this machine');
  return problems;
}
