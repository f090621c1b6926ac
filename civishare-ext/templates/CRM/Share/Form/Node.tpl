{* Creates or edits a node. *}
<div class="crm-block crm-form-block">
  <div class="help">{ts domain="civishare"}A node is one CiviCRM site. This site is one node, each site that it shares with is another. The identifier names a site in the whole network: every site has to use the same one for it.{/ts}</div>
  <table class="form-layout-compressed">
    <tr><td class="label">{$form.name.label}</td><td>{$form.name.html}</td></tr>
    <tr>
      <td class="label">{$form.identifier.label}</td>
      <td>{$form.identifier.html}<br /><span class="description">{ts domain="civishare"}Looks like a URL, for example https://example.org. It never changes, even if the site moves.{/ts}</span></td>
    </tr>
    <tr>
      <td class="label">{$form.is_local.label}</td>
      <td>{$form.is_local.html} <span class="description">{ts domain="civishare"}The node is this very site.{/ts}</span></td>
    </tr>
    <tr><td class="label">{$form.description.label}</td><td>{$form.description.html}</td></tr>
    <tr><td class="label">{$form.is_enabled.label}</td><td>{$form.is_enabled.html}</td></tr>
  </table>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
