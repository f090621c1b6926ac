{* Which entities of a change type a peering lets out. *}
<div class="crm-block crm-form-block">
  <div class="help">
    <p>{ts domain="civishare"}Without any choice everything of this type goes out. With several, all of them have to hold.{/ts}
    {if $isContact}{ts domain="civishare"}What belongs to a contact goes where the contact goes; a relationship goes where both its contacts go. Whoever enters goes out whole.{/ts}{/if}</p>
  </div>
  <table class="form-layout-compressed">
    <tr><td class="label">{ts domain="civishare"}Change type{/ts}</td><td>{$type|escape}</td></tr>
    {if $isContact}
      <tr><td class="label">{$form.groups.label}</td><td>{$form.groups.html}</td></tr>
      <tr><td class="label">{$form.contact_types.label}</td><td>{$form.contact_types.html}</td></tr>
    {/if}
    <tr><td class="label">{$form.tags.label}</td><td>{$form.tags.html}</td></tr>
    <tr>
      <td class="label">{$form.where.label}</td>
      <td>{$form.where.html}<br /><span class="description">{ts domain="civishare"}As API version 4 takes it under "where"; the API Explorer writes it.{/ts} <code>[["is_deceased", "=", false]]</code></span></td>
    </tr>
    <tr><td class="label">{$form.on_leave.label}</td><td>{$form.on_leave.html}<br /><span class="description">{ts domain="civishare"}Either way the peer keeps its copy and hears no more of it. Withdrawn, it counts as no longer shared.{/ts}</span></td></tr>
  </table>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
