// Runs npm `oidc-provider` with one client.
//
//   node oidc-provider.mjs '{"port": 9000, "hub": "http://127.0.0.1:8080", "alg": "ES256", "auth": "client_secret_basic"}'
//
// Its login page takes any name and password. `dana` is dana@example.com, and is in the group `dba`.

import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { port, hub, alg, auth } = JSON.parse(process.argv[2]);

function key(type, options, members) {
  return { ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', ...members };
}

const keys = [
  key('rsa', { modulusLength: 2048 }, { kid: 'r', alg: 'RS256' }),
  key('ec', { namedCurve: 'P-256' }, { kid: 'e', alg: 'ES256' }),
  key('ed25519', {}, { kid: 'd' }),
];

const client = {
  client_id: 'countersign',
  ...(auth === 'none' ? {} : { client_secret: 'a marker of a secret+/=' }),
  redirect_uris: [`${hub}/sign-in/callback`],
  post_logout_redirect_uris: [`${hub}/sign-in`],
  backchannel_logout_uri: `${hub}/sign-in/backchannel-logout`,
  backchannel_logout_session_required: true,
  token_endpoint_auth_method: auth,
  id_token_signed_response_alg: alg,
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  jwks: { keys },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'] },
  scopes: ['openid', 'email', 'groups'],
  conformIdTokenClaims: false,
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA', 'Ed25519'] },
  features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
  // The default refuses to call a hub on this machine.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: id === 'dana' ? ['dba'] : [] }),
  }),
  cookies: { keys: ['only for this test'] },
});
provider.on('backchannel.error', (ctx, error) => console.error(error));
provider.listen(port, '127.0.0.1', () => console.log('ready'));
