{* The settings of CiviShare. *}
<div class="crm-block crm-form-block">
  {include file="CRM/Share/OwnAddress.tpl"}
  <table class="form-layout-compressed">
    {foreach from=$settings key=name item=setting}
      <tr>
        <td class="label">{$form.$name.label}</td>
        <td>
          {$form.$name.html}<br /><span class="description">{$setting.description|escape}</span>
          {if $name eq 'civishare_detection' && !$logging}<br /><span class="description">{ts domain="civishare"}Logging is off on this site.{/ts}</span>{/if}
        </td>
      </tr>
    {/foreach}
    <tr><td class="label">{ts domain="civishare"}The store is now{/ts}</td><td><code>{$storePath|escape}</code></td></tr>
    <tr>
      <td class="label">{ts domain="civishare"}Native module{/ts}</td>
      <td>{if $nativeVersion}{$nativeVersion|escape}{else}{ts domain="civishare"}not loaded{/ts}{/if}</td>
    </tr>
  </table>
  <div class="crm-submit-buttons">{include file="CRM/common/formButtons.tpl" location="bottom"}</div>
</div>
