{* Creates or edits a peering. *}
<div class="crm-block crm-form-block">
  {include file="CRM/Share/OwnAddress.tpl"}
  {if $noRemote}
    <div class="messages warning no-popup">{ts domain="civishare"}There is no remote node yet.{/ts} <a href="{crmURL p='civicrm/admin/share/node' q='reset=1'}">{ts domain="civishare"}Create it first.{/ts}</a></div>
  {/if}
  <table class="form-layout-compressed">
    <tr><td class="label">{$form.remote_node_id.label}</td><td>{$form.remote_node_id.html}</td></tr>
    <tr>
      <td class="label">{$form.endpoint_url.label}</td>
      <td>{$form.endpoint_url.html}<br /><span class="description">{ts domain="civishare"}The one that the other site shows as its own.{/ts}</span></td>
    </tr>
    <tr>
      <td class="label">{$form.secret.label}</td>
      <td>
        {$form.secret.html} {include file="CRM/Share/Generate.tpl"}<br />
        <span class="description">
          {if $secretDate}
            {ts domain="civishare" 1=$secretDate|crmDate}Set on %1. It can not be shown. Leave the field empty to keep it.{/ts}
          {else}
            {ts domain="civishare"}The same on both sites, at least 16 characters. After saving it can not be shown any more.{/ts}
          {/if}
        </span>
      </td>
    </tr>
    <tr>
      <td class="label">{ts domain="civishare"}What is shared{/ts}</td>
      <td>
        <table class="row-highlight" style="width: auto">
          <thead><tr><th>{ts domain="civishare"}Change type{/ts}</th><th>{ts domain="civishare"}Goes out{/ts}</th><th>{ts domain="civishare"}Comes in{/ts}</th><th>{ts domain="civishare"}Of it goes out{/ts}</th></tr></thead>
          {foreach from=$types item=type}
            {assign var=out value=$type.out}
            {assign var=in value=$type.in}
            <tr><td>{$type.name|escape}{if $type.explicit}<br /><span class="description"><i class="crm-i fa-exclamation-triangle" aria-hidden="true"></i> {ts domain="civishare"}Let in, the other site decides who may see and edit what here. Only for sites of one administration.{/ts}</span>{/if}</td><td>{$form.$out.html}</td><td>{$form.$in.html}</td><td>{if $type.filterUrl}<a href="{$type.filterUrl|escape}">{$type.filter|escape}</a>{/if}</td></tr>
          {/foreach}
        </table>
      </td>
    </tr>
    <tr>
      <td class="label">{$form.types_out_details.label}</td>
      <td>
        {$form.types_out_details.html}<br />
        <span class="description">{ts domain="civishare"}JSON, by change type; empty for all as it is. Members: attributes (only these), except (all but these), rename, constant, translate, one_way (privacy flags that are never lifted).{/ts} <code>{literal}{"civishare.change.contact.base": {"except": ["source"], "rename": {"Ours.size": "Theirs.breadth"}}}{/literal}</code></span>
      </td>
    </tr>
    <tr>
      <td class="label">{$form.types_in_details.label}</td>
      <td>
        {$form.types_in_details.html}<br />
        <span class="description">{ts domain="civishare"}The same for what comes in. Attributes have the names of this site; rename and translate lead from their words to ours.{/ts} <code>{literal}{"civishare.change.contact.base": {"rename": {"Theirs.breadth": "Ours.size"}, "one_way": true}}{/literal}</code></span>
      </td>
    </tr>
    <tr>
      <td class="label">{$form.options.label}</td>
      <td>
        {$form.options.html}<br />
        <span class="description">{ts domain="civishare"}JSON. match: by what a new contact is found here ("email", "external_identifier", a list of attributes, a dedupe rule); on_no_match: create, wait or report; identity: what the other site is told to find ours by; option_missing: report or create; option_map: their options and ours; rules: conflict rules of single change types.{/ts} <code>{literal}{"match": "email", "option_map": {"gender": {"F": "Female"}}}{/literal}</code></span>
      </td>
    </tr>
    <tr>
      <td class="label">{$form.conflict_rule.label}</td>
      <td>{$form.conflict_rule.html}<br /><span class="description">{ts domain="civishare"}When both sites have changed the same attribute without knowing of each other.{/ts}</span></td>
    </tr>
    <tr>
      <td class="label">{$form.delivery.label}</td>
      <td>{$form.delivery.html}<br /><span class="description">{ts domain="civishare"}At the end of the request needs PHP-FPM or LiteSpeed; elsewhere the next job delivers.{/ts}</span></td>
    </tr>
    <tr>
      <td class="label">{$form.is_simple.label}</td>
      <td>{$form.is_simple.html} <span class="description">{ts domain="civishare"}The other side is a program that sends only the simple form of messages.{/ts}</span></td>
    </tr>
    <tr><td class="label">{$form.is_enabled.label}</td><td>{$form.is_enabled.html}</td></tr>
  </table>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
