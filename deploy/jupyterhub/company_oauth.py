"""A company's own login (OpenID Connect) for the hub. Not run here: it needs your provider.

pip install "oauthenticator>=17,<18", then start the hub with
    WORKBOOK_HUB_AUTH=own-config WORKBOOK_HUB_CONFIG=deploy/jupyterhub/company_oauth.py
and OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET and OAUTH_ISSUER from your provider.
"""

import os

c = get_config()  # noqa: F821 - JupyterHub runs this file
issuer = os.environ["OAUTH_ISSUER"].rstrip("/")
c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.client_id = os.environ["OAUTH_CLIENT_ID"]
c.GenericOAuthenticator.client_secret = os.environ["OAUTH_CLIENT_SECRET"]
c.GenericOAuthenticator.oauth_callback_url = os.environ["OAUTH_CALLBACK_URL"]
# these paths are Keycloak's; your provider's /.well-known/openid-configuration names its own
c.GenericOAuthenticator.authorize_url = f"{issuer}/protocol/openid-connect/auth"
c.GenericOAuthenticator.token_url = f"{issuer}/protocol/openid-connect/token"
c.GenericOAuthenticator.userdata_url = f"{issuer}/protocol/openid-connect/userinfo"
c.GenericOAuthenticator.scope = ["openid", "email", "groups"]
c.GenericOAuthenticator.username_claim = "email"
# mail addresses are no account names: such a learner's account is named by a hash of it
c.Authenticator.username_pattern = ""
c.Authenticator.allow_all = False
c.GenericOAuthenticator.auth_state_groups_key = "oauth_user.groups"
c.GenericOAuthenticator.manage_groups = True
c.GenericOAuthenticator.allowed_groups = {"workbook"}
c.GenericOAuthenticator.admin_groups = {"workbook-instructors"}
